/** What happened to a decision since it was made, oldest first. */

import { outcomeWord, personSentence, secondWord, timeText, toOutcome } from './officer-text.js';
import { element } from './dom.js';
import { upright } from './format.js';

/**
 * @param {any[]} events
 * @param {(code: string) => string} reasonText
 */
export function showHistory(events, reasonText) {
  const items = events.map((event) => {
    // The first person's note is with the proposal.
    const { note } = event.step === 'confirmed' ? secondWord(event) : event;
    return element('li', {},
      element('p', {}, sentence(event, reasonText)),
      ...(note ? [element('p', { class: 'quote' }, note)] : []),
      element('p', { class: 'caption' }, timeText(event.time), `, record ${event.index}`));
  });
  return element('section', { class: 'card', 'aria-labelledby': 'history-heading' },
    element('h2', { id: 'history-heading' }, 'History'),
    items.length ? element('ol', { class: 'history' }, ...items) : element('p', { class: 'caption' }, 'Nothing since the decision.'));
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
    case 'erased': return `${by} erased the content of the decision`;
    case 'explanation': return 'The decision was explained';
    case 'shadow': return `A model in the shadow, ${event.model?.name ?? ''} ${event.model?.version ?? ''}, would have said: ${outcomeWord(event.outcome)}`;
    default: return `${by}: ${event.kind}`;
  }
}
