/** Keeps the page for the time without a network. */

/**
 * Starts the service worker, and marks the page when it has what it needs: from then on nothing is asked for. Where
 * browsers allow no service worker, nothing is kept.
 */
export async function keepOffline() {
  if (!navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register(new URL('sw.js', import.meta.url));
    await navigator.serviceWorker.ready;
    document.documentElement.dataset.offline = 'ready';
  } catch (error) {
    console.info(`The page will not work offline: ${error instanceof Error ? error.message : error}`);
  }
}
