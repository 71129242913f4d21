/** The loan officer's page: signs in, keeps the queue and the state of the log up to date, and opens applications. */

import { get, keepKey, keptKey, Refused } from './officer-api.js';
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
const queue = buildQueue((index) => { location.hash = `#${index}`; }, fail);

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
  try {
    me = await get('decisions/me');
  } catch (error) {
    const { status, message } = /** @type {Refused} */ (error);
    return signedOut(status === 404 ? 'This server keeps no decision log, so there is nothing to decide here.' : message);
  }
  byId('person').textContent = me.name;
  byId('role').textContent = me.role;
  for (const id of ['session', 'desk', 'keyboard']) byId(id).hidden = false;
  byId('sign-in').hidden = true;
  await look();
  ready = me !== null;
  if (location.hash) await openFromAddress(); else queue.focus();
}

/** @param {string} why a sentence, or nothing */
function signedOut(why) {
  keepKey(null);
  me = null;
  ready = false;
  clearTimeout(timer);
  for (const id of ['session', 'desk', 'keyboard', 'case']) byId(id).hidden = true;
  // Nothing of an application stays behind.
  for (const id of ['case-body', 'list']) byId(id).replaceChildren();
  byId('sign-in').hidden = false;
  byId('sign-in-problem').textContent = why;
  byId('key').focus();
}

/** Brings the queue and the state of the log up to date, now and again later. */
async function look() {
  clearTimeout(timer);
  await Promise.all([queue.reload(), showLog()]);
  if (me) timer = setTimeout(() => { if (!document.hidden) look(); }, EVERY);
}

async function showLog() {
  const log = byId('log');
  try {
    const { state, reason, records, checkpoint, unrecorded, recovered_bytes: recovered } = await get('decisions/log');
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

/** The application that the address names. */
async function openFromAddress() {
  const index = Number(location.hash.slice(1));
  if (location.hash === '' || !Number.isSafeInteger(index) || index < 0) return closeCase();
  byId('case').hidden = false;
  byId('nothing').hidden = true;
  byId('desk').dataset.open = 'true';
  byId('case-problem').textContent = '';
  queue.mark(index);
  try {
    await showCase(index, me, async () => {
      await look();
      await openFromAddress();
    });
  } catch (error) {
    byId('case-body').replaceChildren();
    if (!signedOutBy(error)) byId('case-problem').textContent = message(error);
  }
}

function closeCase() {
  byId('case').hidden = true;
  byId('nothing').hidden = false;
  byId('case-body').replaceChildren();
  delete byId('desk').dataset.open;
}

function backToQueue() {
  history.replaceState(null, '', location.pathname);
  closeCase();
  queue.focus();
  queue.mark(-1);
}

/** @param {unknown} error */
function fail(error) {
  if (!signedOutBy(error)) byId('queue-problem').textContent = message(error);
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
