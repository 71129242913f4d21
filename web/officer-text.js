/** How the officer's page words outcomes, times and numbers. */

import { element } from './dom.js';

/** @type {Record<string, string>} */
const OUTCOMES = { approve: 'Approved', decline: 'Declined', refer: 'Referred' };
/** @type {Record<string, string>} */
const STATES = { open: 'To decide', proposed: 'Proposed', decided: 'Decided', erased: 'Erased' };

const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** @param {string} outcome `approve` */
export const outcomeWord = (outcome) => OUTCOMES[outcome] ?? outcome;

/** @param {string} state `open` */
export const stateWord = (state) => STATES[state] ?? state;

/**
 * @param {string} time RFC 3339
 * @returns {HTMLElement} in the reader's zone and manner
 */
export function timeText(time) {
  return element('time', { datetime: time }, TIME.format(new Date(time)));
}

/** @param {number} number */
export const count = (number) => number.toLocaleString('en');

/**
 * @param {number} number
 * @param {string} one
 * @param {string} many
 */
export const counted = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

/**
 * @param {string} outcome
 * @param {string} [text]
 */
export const badge = (outcome, text = outcomeWord(outcome)) => element('span', { class: 'badge', 'data-outcome': outcome }, text);

/**
 * What an application is called.
 * @param {{ application_id?: string | null, index: number }} decision
 */
export const nameOf = ({ application_id: id, index }) => (id ? id : `Decision ${index}`);

/** @param {number | null} probability */
export const percentText = (probability) => (probability === null ? '' : `${(probability * 100).toFixed(1)}%`);

/**
 * What the second of two people said on confirming a proposal. Older records have it in the place of what the first said.
 * @param {any} decided
 * @returns {{ reason: string, note: string | null }}
 */
export function secondWord({ reason, note, seconded_reason: own, seconded_note: ownNote }) {
  return own ? { reason: own, note: ownNote } : { reason, note };
}

/**
 * What was decided, a sentence for each person.
 * @param {any} decided
 * @param {(code: string) => string} reasonText
 */
export function decidedSentences(decided, reasonText) {
  const second = decided.seconded_by;
  if (!second) return [personSentence(decided, 'decided', reasonText)];
  return [personSentence(decided, 'proposed', reasonText), `${second} confirmed: ${reasonText(secondWord(decided).reason)}`];
}

/** @param {{ outcome: string }} word */
export const toOutcome = ({ outcome }) => (outcome === 'approve' ? 'to approve' : 'to decline');

/**
 * What a person decided, in a sentence; the outcome alone is left where the record was erased.
 * @param {{ by: string | null, outcome: string, reason: string | null }} word
 * @param {string} verb `approved` is made of `approve`
 * @param {(code: string) => string} reasonText
 */
export function personSentence({ by, outcome, reason }, verb, reasonText) {
  const decided = `${verb} ${toOutcome({ outcome })}`;
  return by && reason ? `${by} ${decided}: ${reasonText(reason)}` : `A person ${decided}; who and why was erased`;
}
