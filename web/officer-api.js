/**
 * The server's routes for people, with the key of the one who signed in. The key is kept in the tab's session storage,
 * and sent as a header, never in an address.
 */

const KEPT = 'underwrite.officer.key';

/** Which log this page shows: that of the first answer that says so. @type {string | undefined} */
let log;

/** An answer that is none: the server refused, or could not be reached. */
export class Refused extends Error {
  /**
   * @param {number} status 0 where there was no answer
   * @param {string} detail a sentence
   * @param {any} [body] what else the server said
   */
  constructor(status, detail, body) {
    super(detail);
    this.status = status;
    this.body = body;
  }
}

/** @returns {string | null} the key of the one who signed in */
export const keptKey = () => sessionStorage.getItem(KEPT);

/** @param {string | null} key */
export function keepKey(key) {
  log = undefined;
  if (key === null) sessionStorage.removeItem(KEPT);
  else sessionStorage.setItem(KEPT, key);
}

/**
 * @param {string} path such as `decisions/me`
 * @param {Record<string, string | number | undefined>} [query] empty ones are left out
 */
export function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return ask(given.length ? `${path}?${search}` : path, {});
}

/**
 * Says something of a record of the log that the page shows; a server that has another one refuses it.
 * @param {string} path
 * @param {object} body
 */
export const post = (path, body) =>
  ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ log, ...body }) });

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function ask(path, options) {
  const headers = { ...options.headers, 'x-api-key': keptKey() ?? '' };
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: 'no-store', credentials: 'omit', redirect: 'error' });
  } catch {
    throw new Refused(0, 'The server does not answer. Nothing was recorded; try again.');
  }
  const body = await response.json().catch(() => null);
  // The same index is another application there.
  if (body?.log && body.log !== (log ??= body.log)) {
    throw new Refused(409, 'This address leads to several servers, each with a decision log of its own: open the page at the address of one of them.');
  }
  if (response.ok) return body;
  throw new Refused(response.status, body?.detail ?? `The server answered ${response.status}.`, body);
}
