/** The loan officer's page: signs in, keeps the queue and the state of the log up to date, and opens applications. */

import { get, isSuperseded, keepKey, keptKey, onlyLatest, Refused } from './officer-api.js';
import { showCase } from './officer-case.js';
import { buildQueue } from './officer-queue.js';
import { count, counted } from './officer-text.js';
import { byId } from './dom.js';

/** Milliseconds between two looks at the queue and the log. */
const EVERY = 15_000;

/** Who is signed in. @type {any} */
let me = null;
/** Whether an address is opened when it changes; before the queue is there, signing in opens it. */
let ready = false;
let timer = 0;
const [session, opened, looking] = [onlyLatest(), onlyLatest(), onlyLatest()];
const queue = buildQueue((index) => {
  if (addressed() === index) return openFromAddress();
  location.hash = `#${index}`;
  return undefined;
}, fail);

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  const field = /** @type {HTMLInputElement} */ (byId('key'));
  const key = field.value.trim();
  if (!key) return signedOut('Enter your key.');
  keepKey(key);
  field.value = '';
  return signIn();
});
byId('sign-out').addEventListener('click', () => signedOut(''));
byId('back').addEventListener('click', backToQueue);
addEventListener('hashchange', () => { if (ready) openFromAddress(); });
document.addEventListener('visibilitychange', () => { if (me && !document.hidden) look(); });
document.addEventListener('keydown', press);
const shortcuts = /** @type {HTMLInputElement} */ (byId('shortcuts'));
shortcuts.checked = sessionStorage.getItem('underwrite.officer.shortcuts') !== 'off';
shortcuts.addEventListener('change', () => sessionStorage.setItem('underwrite.officer.shortcuts', shortcuts.checked ? 'on' : 'off'));

if (keptKey()) signIn(); else signedOut('');

async function signIn() {
  const signal = session.next();
  try {
    me = await get('decisions/me', signal);
  } catch (error) {
    if (isSuperseded(error)) return undefined;
    const { status, message } = /** @type {Refused} */ (error);
    return signedOut(status === 404 ? 'This server keeps no decision log, so there is nothing to decide here.' : message);
  }
  byId('person').textContent = me.name;
  byId('role').textContent = me.role;
  for (const id of ['session', 'desk', 'keyboard']) byId(id).hidden = false;
  byId('sign-in').hidden = true;
  await look();
  if (signal.aborted) return undefined;
  ready = true;
  if (location.hash) await openFromAddress(); else queue.focus();
  return undefined;
}

/** @param {string} why a sentence, or nothing */
function signedOut(why) {
  keepKey(null);
  me = null;
  ready = false;
  clearTimeout(timer);
  for (const id of ['session', 'desk', 'keyboard']) byId(id).hidden = true;
  // Nothing of an application stays behind, and nothing of one comes later.
  for (const place of [session, looking]) place.end();
  closeCase();
  queue.clear();
  byId('left-problem').textContent = '';
  byId('sign-in').hidden = false;
  byId('sign-in-problem').textContent = why;
  byId('key').focus();
}

/** Brings the queue and the state of the log up to date, now and again later. */
async function look() {
  const signal = looking.next();
  clearTimeout(timer);
  await Promise.all([queue.reload(), showLog(signal)]);
  if (!signal.aborted) timer = setTimeout(() => { if (!document.hidden) look(); }, EVERY);
}

/** @param {AbortSignal} signal */
async function showLog(signal) {
  const log = byId('log');
  try {
    const { state, reason, records, checkpoint, unrecorded, recovered_bytes: recovered } = await get('decisions/log', signal);
    const doubts = [
      unrecorded > 0 && `${counted(unrecorded, 'answer was', 'answers were')} given without a record`,
      recovered > 0 && `${count(recovered)} bytes of an unfinished record were cut at the start`,
    ].filter(Boolean);
    const sound = state === 'running';
    log.dataset.state = !sound ? 'stopped' : doubts.length ? 'doubtful' : 'sound';
    const signed = checkpoint ? `, ${count(checkpoint.size)} of them under a signed checkpoint` : '';
    const text = sound
      ? `The log is running: ${counted(records, 'record', 'records')}${signed}${doubts.map((doubt) => `; ${doubt}`).join('')}`
      : `The log has stopped: ${reason ?? 'nothing is recorded'}`;
    if (log.textContent !== text) log.textContent = text;
  } catch (error) {
    fail(error);
  }
}

/** The index of the application that the address names; -1 where it names none. */
function addressed() {
  const index = Number(location.hash.slice(1));
  return location.hash !== '' && Number.isSafeInteger(index) && index >= 0 ? index : -1;
}

/** Opens the application that the address names. */
async function openFromAddress() {
  const index = addressed();
  if (index < 0) return closeCase();
  const signal = opened.next();
  const person = me;
  byId('case').hidden = false;
  byId('nothing').hidden = true;
  byId('desk').dataset.open = 'true';
  queue.mark(index);
  emptyCase(true);
  try {
    await showCase(index, me, signal, (problem) => changed(index, person, problem));
  } catch (error) {
    if (isSuperseded(error)) return undefined;
    if (!signedOutBy(error)) byId('case-problem').textContent = message(error);
  }
  if (!signal.aborted) setWaiting(false);
  return undefined;
}

/**
 * What a person recorded is answered when another application may be open, or another person signed in.
 * @param {number} index
 * @param {any} person who was signed in
 * @param {string} [problem] why it was refused, of an application that was left
 */
async function changed(index, person, problem) {
  if (me === person) await look();
  if (me !== person) return;
  // It stays until what a person records next is taken.
  byId('left-problem').textContent = problem ?? '';
  if (problem) return;
  if (addressed() === index) await openFromAddress();
}

function closeCase() {
  opened.end();
  byId('case').hidden = true;
  byId('nothing').hidden = false;
  emptyCase(false);
  delete byId('desk').dataset.open;
}

/**
 * One application is never seen, nor decided, in the place of another.
 * @param {boolean} isWaiting whether the next one is waited for
 */
function emptyCase(isWaiting) {
  const body = byId('case-body');
  const hadFocus = body.contains(document.activeElement);
  body.replaceChildren();
  byId('case-problem').textContent = '';
  setWaiting(isWaiting);
  if (hadFocus) byId('case').focus();
}

/** @param {boolean} isWaiting */
function setWaiting(isWaiting) {
  byId('case-body').setAttribute('aria-busy', String(isWaiting));
  byId('case-waiting').textContent = isWaiting ? 'The application is being opened…' : '';
}

function backToQueue() {
  history.replaceState(null, '', location.pathname);
  closeCase();
  queue.focus();
  queue.mark(-1);
}

/** @param {unknown} error */
function fail(error) {
  if (!isSuperseded(error) && !signedOutBy(error)) byId('queue-problem').textContent = message(error);
}

/** @param {unknown} error a key that is no longer taken ends the session */
function signedOutBy(error) {
  const ends = error instanceof Refused && error.status === 401;
  if (ends) signedOut(error.message);
  return ends;
}

/** @param {unknown} error */
const message = (error) => (error instanceof Error ? error.message : String(error));

/** @param {KeyboardEvent} event */
function press(event) {
  if (!me || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Escape' && !byId('case').hidden) return backToQueue();
  const target = /** @type {HTMLElement} */ (event.target);
  if (!shortcuts.checked || target.closest('textarea, select, input:not([type=radio]):not([type=checkbox])')) return;
  const choose = (/** @type {string} */ outcome) => document.getElementById(`outcome-${outcome}`)?.click();
  /** @type {Record<string, () => void>} */
  const keys = {
    j: () => queue.move(1),
    k: () => queue.move(-1),
    a: () => choose('approve'),
    d: () => choose('decline'),
    r: () => look(),
  };
  keys[event.key.toLowerCase()]?.();
}
