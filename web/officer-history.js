/** What happened to a decision since it was made, oldest first. */

import { get, isSuperseded, Refused } from './officer-api.js';
import { outcomeWord, personSentence, secondWord, timeText, toOutcome } from './officer-text.js';
import { element } from './dom.js';
import { upright } from './format.js';

/**
 * @param {any} one the decision, with the end of its history
 * @param {(code: string) => string} reasonText
 * @param {AbortSignal} signal ends when another application is opened
 */
export function showHistory(one, reasonText, signal) {
  const items = (/** @type {any} */ page) => page.history.map((/** @type {any} */ event) => item(event, reasonText));
  const list = element('ol', { class: 'history' }, ...items(one));
  const show = (/** @type {any} */ page) => list.prepend(...items(page));
  const [button, problem] = one.earlier === null ? ['', ''] : earlier(one, show, signal);
  return element('section', { class: 'card', 'aria-labelledby': 'history-heading' },
    element('div', { class: 'form-head' }, element('h2', { id: 'history-heading' }, 'History'), button),
    problem,
    one.history.length ? list : element('p', { class: 'caption' }, 'Nothing since the decision.'));
}

/**
 * A button for what came before, and a place for what is wrong.
 * @param {any} one
 * @param {(page: any) => void} show
 * @param {AbortSignal} signal
 */
function earlier(one, show, signal) {
  let before = one.earlier;
  const problem = element('p', { class: 'caption', role: 'status' });
  const button = element('button', { type: 'button', class: 'button quiet' }, 'Show earlier records');
  button.addEventListener('click', async () => {
    button.disabled = true;
    problem.textContent = '';
    try {
      const page = await get(`decisions/${one.index}`, signal, { before }).catch(erased);
      show(page);
      before = page.earlier;
      button.hidden = before === null;
    } catch (error) {
      if (!isSuperseded(error)) problem.textContent = /** @type {Error} */ (error).message;
    }
    button.disabled = false;
  });
  return [button, problem];
}

/** @param {unknown} error what is left of an erased decision has a history too */
function erased(error) {
  if (error instanceof Refused && error.status === 410 && error.body?.history) return error.body;
  throw error;
}

/**
 * @param {any} event
 * @param {(code: string) => string} reasonText
 */
function item(event, reasonText) {
  // The first person's note is with the proposal.
  const { note } = event.step === 'confirmed' ? secondWord(event) : event;
  return element('li', {},
    element('p', {}, sentence(event, reasonText)),
    ...(note ? [element('p', { class: 'quote' }, note)] : []),
    element('p', { class: 'caption' }, timeText(event.time), `, record ${event.index}`));
}

/**
 * @param {any} event
 * @param {(code: string) => string} reasonText
 * @returns {string}
 */
function sentence(event, reasonText) {
  const by = event.by ?? 'The server';
  switch (event.kind) {
    case 'override':
      return event.step === 'confirmed'
        ? `${event.seconded_by} confirmed ${by}’s proposal ${toOutcome(event)}: ${reasonText(secondWord(event).reason)}`
        : personSentence(event, event.step, reasonText);
    case 'notice':
      if (!event.by) return 'A notice was recorded; by whom and how was erased';
      return `${by} recorded a notice: ${upright(event.method)}${event.sent ? `, sent ${new Date(event.sent).toLocaleDateString()}` : ''}`;
    case 'performance':
      if (!event.by) return 'How the loan fared was recorded; that was erased';
      return `${by} recorded that the loan was ${event.outcome}${event.on ? ` on ${event.on}` : ''}`;
    case 'hold': return `${by} put the decision on hold`;
    case 'release': return `${by} released the hold`;
    case 'unreadable': return `Record ${event.index}, ${unreadable(event.change)}, cannot be read; it may be about this decision`;
    case 'erased': return `${by} erased the content of the decision`;
    case 'explanation': return 'The decision was explained';
    case 'shadow': return `A model in the shadow, ${event.model?.name ?? ''} ${event.model?.version ?? ''}, would have said: ${outcomeWord(event.outcome)}`;
    default: return `${by}: ${event.kind}`;
  }
}

/** @param {string} change what a record is that cannot be read */
function unreadable(change) {
  switch (change) {
    case 'hold': return 'a hold';
    case 'release': return 'the release of a hold';
    default: return 'an erasure';
  }
}
