/** What happened to a decision since it was made, oldest first. */

import { outcomeWord, timeText } from './officer-text.js';
import { element } from './dom.js';

/**
 * @param {any[]} events
 * @param {(code: string) => string} reasonText
 */
export function showHistory(events, reasonText) {
  const items = events.map((event) => element('li', {},
    element('p', {}, sentence(event, reasonText)),
    ...(event.note ? [element('p', { class: 'quote' }, event.note)] : []),
    element('p', { class: 'caption' }, timeText(event.time), `, record ${event.index}`)));
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
  const to = event.outcome === 'approve' ? 'to approve' : 'to decline';
  switch (event.kind) {
    case 'override': {
      const verbs = { decided: 'decided', proposed: 'proposed', confirmed: 'confirmed' };
      return `${by} ${verbs[/** @type {keyof typeof verbs} */ (event.step)] ?? event.step} ${to}: ${reasonText(event.reason)}`;
    }
    case 'notice': return `${by} recorded a notice: ${event.method}${event.sent ? `, sent ${new Date(event.sent).toLocaleDateString()}` : ''}`;
    case 'performance': return `${by} recorded that the loan was ${event.outcome}${event.on ? ` on ${event.on}` : ''}`;
    case 'hold': return `${by} put the decision on hold`;
    case 'release': return `${by} released the hold`;
    case 'erased': return `${by} erased the content of the decision`;
    case 'explanation': return 'The decision was explained';
    case 'shadow': return `A model in the shadow, ${event.model?.name ?? ''} ${event.model?.version ?? ''}, would have said: ${outcomeWord(event.outcome)}`;
    default: return `${by}: ${event.kind}`;
  }
}
