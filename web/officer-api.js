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

/** Why a question has no answer: something else was opened or asked meanwhile, or nobody is signed in anymore. */
class Superseded extends Error {}

/** @param {unknown} error whether it is about an answer that nobody waits for: there is nothing to say */
export const isSuperseded = (error) => error instanceof Superseded;

/** One place of the page, which shows the answer to the question that was asked last, and no other. */
export function onlyLatest() {
  let asked = new AbortController();
  /** Ends what is being asked: its answer is thrown away. */
  const end = () => asked.abort(new Superseded());
  /** @returns {AbortSignal} of the next question, which ends the one before */
  const next = () => {
    end();
    asked = new AbortController();
    return asked.signal;
  };
  return { next, end };
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
 * @param {AbortSignal} signal of the place that shows the answer
 * @param {Record<string, string | number | undefined>} [query] empty ones are left out
 */
export function get(path, signal, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return ask(given.length ? `${path}?${search}` : path, { signal });
}

/**
 * Says something of a record of the log that the page shows; a server that has another one refuses it. What is
 * recorded is not ended by what is opened afterwards.
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
  // What was sent may have arrived.
  const lost = () => new Refused(0, options.method === 'POST'
    ? 'The server does not answer, and may have recorded this all the same: open the application again and look at its history.'
    : 'The server does not answer: try again.');
  const headers = { ...options.headers, 'x-api-key': keptKey() ?? '' };
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: 'no-store', credentials: 'omit', redirect: 'error' });
  } catch {
    options.signal?.throwIfAborted();
    throw lost();
  }
  const body = await response.json().catch(() => null);
  options.signal?.throwIfAborted();
  // The same index is another application there.
  if (body?.log && body.log !== (log ??= body.log)) {
    throw new Refused(409, 'This address leads to several servers, each with a decision log of its own: open the page at the address of one of them.');
  }
  if (response.ok && body === null) throw lost();
  if (response.ok) return body;
  throw new Refused(response.status, body?.detail ?? `The server answered ${response.status}.`, body);
}
