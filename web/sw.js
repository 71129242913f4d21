/**
 * The service worker: keeps the page and its model, so that both work without a network after the first visit. What the
 * network gives comes first; only the files of the page are ever asked for, and nothing is sent with them.
 */

/** Another name than in versions that kept whatever JavaScript a model file had. */
const CACHE = 'underwrite-2';
const FILES = [
  './', 'about.js', 'app.js', 'batch.js', 'csv.js', 'decision.js', 'developers.js', 'dom.js', 'engine.js', 'explanation.js',
  'explanation.css', 'form.js', 'format.js', 'history.js', 'icon.svg', 'language.js', 'letter.js', 'model.js', 'model.wasm',
  'options.js', 'style.css', 'why.js', 'worker.js',
].map((file) => new URL(file, self.registration.scope).href);

/** @param {string} url the page itself is at the folder's address, which serves programs as well */
const requestFor = (url) => new Request(url, { headers: url.endsWith('/') ? { accept: 'text/html' } : {} });

self.addEventListener('install', (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    // A file that is missing is missed when it is asked for, by name.
    await Promise.allSettled(FILES.map((url) => cache.add(requestFor(url))));
    await self.skipWaiting();
  })());
});

self.addEventListener('activate', (event) => event.waitUntil((async () => {
  await caches.delete('underwrite');
  await self.clients.claim();
})()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = request.url.split(/[?#]/)[0];
  if (request.method !== 'GET' || !FILES.includes(url)) return;
  event.respondWith((async () => {
    try {
      const response = await fetch(request);
      const cache = await caches.open(CACHE);
      if (response.ok) await cache.put(url, response.clone());
      // What is no longer there, such as the JavaScript of a model in doubt, is not kept either.
      if (response.status === 404) await cache.delete(url);
      return response;
    } catch (error) {
      const kept = await caches.match(url, { ignoreVary: true });
      if (kept) return kept;
      throw error;
    }
  })());
});
