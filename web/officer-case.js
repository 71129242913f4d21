/** One application: what was decided and why, what a person may do, and what happened since. */

import { get, isSuperseded, Refused } from './officer-api.js';
import { buildDecide } from './officer-decide.js';
import { showHistory } from './officer-history.js';
import { badge, decidedSentences, nameOf, outcomeWord, percentText, personSentence, timeText } from './officer-text.js';
import { byId, element } from './dom.js';
import { adjustmentText, adjustmentsHeading, valueText } from './format.js';

/** Labels and units of fields, by the name and the version of the model that decided. */
const described = new Map();
/** @param {any} model */
const nameAndVersion = ({ name, version }) => JSON.stringify([name, version]);

/**
 * @param {number} index
 * @param {any} me who is signed in
 * @param {AbortSignal} signal ends when another application is opened, or nobody is signed in anymore
 * @param {(problem?: string) => void} changed called when a person recorded something, or with a sentence where that
 *   was refused after the application was left
 * @returns {Promise<void>}
 */
export async function showCase(index, me, signal, changed) {
  const body = byId('case-body');
  let one;
  try {
    one = await get(`decisions/${index}`, signal);
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 410) throw error;
    return showErased(error, index, me, signal);
  }
  const fields = await fieldsOf(one.model, signal);
  const reasonText = (/** @type {string} */ code) => me.reasons.find((/** @type {any} */ reason) => reason.code === code)?.text ?? code;
  body.replaceChildren(
    head(one, reasonText),
    element('div', { class: 'columns' },
      element('div', { class: 'stack' }, why(one), application(one, fields)),
      element('div', { class: 'stack' }, buildDecide(one, me, reasonText, changed), showHistory(one, reasonText, signal))),
    provenance(one),
  );
  byId('case-heading').focus();
}

/**
 * @param {Refused} error
 * @param {number} index
 * @param {any} me
 * @param {AbortSignal} signal
 */
function showErased(error, index, me, signal) {
  const reasonText = (/** @type {string} */ code) => me.reasons.find((/** @type {any} */ reason) => reason.code === code)?.text ?? code;
  byId('case-body').replaceChildren(
    element('header', { class: 'card head' },
      element('h2', { id: 'case-heading', tabindex: -1 }, `Decision ${index}`), element('p', {}, error.message)),
    showHistory({ index, history: [], earlier: null, ...error.body }, reasonText, signal),
  );
  byId('case-heading').focus();
}

/**
 * @param {any} one
 * @param {(code: string) => string} reasonText
 */
function head(one, reasonText) {
  const { outcome, probability, decided, proposal, hold } = one;
  const words = decided ? decidedSentences(decided, reasonText) : proposal ? [personSentence(proposal, 'proposes', reasonText)] : [];
  return element('header', { class: 'card head' },
    element('div', { class: 'form-head' },
      element('h2', { id: 'case-heading', tabindex: -1 }, nameOf(one)),
      badge(decided?.outcome ?? outcome, decided ? undefined : `${outcomeWord(outcome)} by the model and its rules`)),
    element('p', { class: 'caption' },
      [one.model.name, ' ', one.model.version, ', ', probability === null ? '' : `probability ${percentText(probability)}, `].join(''),
      timeText(one.time), one.row === null ? '' : `, row ${one.row + 1} of a batch`),
    ...words.map((word) => element('p', { class: 'word' }, word)),
    ...holdNote(hold));
}

/** @param {boolean | null} hold null where it is not known */
function holdNote(hold) {
  if (hold === false) return [];
  return [element('p', { class: 'note' }, hold
    ? 'This decision is on hold: it cannot be erased.'
    : 'Whether this decision is on hold is not known: a record in its history cannot be read.')];
}

/** @param {any} one why the model and its rules decided so */
function why(one) {
  const rules = one.rules.map((/** @type {any} */ { code, text }) => item(text ?? `Rule ${code}`, code));
  const reasons = (one.reasons ?? one.explanation?.reasons ?? []).map((/** @type {any} */ { code, text }) => item(text ?? code, code));
  const list = (/** @type {string} */ heading, /** @type {HTMLElement[]} */ items) =>
    items.length ? [element('h3', {}, heading), element('ul', { class: 'plain' }, ...items)] : [];
  const missing = one.model.available === false
    ? 'The model that decided is no longer available: what only it can say of its reasons and rules is missing here.'
    : rules.length + reasons.length === 0 ? 'No rule matched, and there are no reasons on record.' : '';
  const nothing = missing ? [element('p', { class: 'caption' }, missing)] : [];
  return element('section', { class: 'card', 'aria-labelledby': 'why-heading' },
    element('h2', { id: 'why-heading' }, 'Why'),
    ...list('Rules that matched', rules), ...list('Principal reasons', reasons), ...nothing, ...contributions(one));
}

/**
 * @param {string} text
 * @param {string} code
 */
const item = (text, code) => element('li', {}, text, ' ', element('span', { class: 'caption' }, code));

/** @param {any} one the inputs that counted most, as a table */
function contributions({ answer, explanation, model }) {
  const all = explanation?.contributions ?? [];
  if (all.length === 0) return [];
  const fields = described.get(nameAndVersion(model)) ?? new Map();
  const sorted = [...all].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution)).slice(0, 8);
  const marks = new Map(adjustmentsOf(answer).map(({ feature, kind }) => [feature, kind === 'missing' ? 'filled in' : 'changed']));
  const most = Math.max(...sorted.map(({ contribution }) => Math.abs(contribution)), 1e-12);
  const rows = sorted.map(({ feature, value, contribution }) => {
    const bar = element('span', { class: 'bar-part', 'aria-hidden': 'true' });
    bar.style.setProperty('--part', String(Math.abs(contribution) / most));
    const sign = contribution < 0 ? '−' : '+';
    return element('tr', { 'data-pull': contribution < 0 ? 'down' : 'up' },
      element('th', { scope: 'row' }, fields.get(feature)?.label ?? feature), element('td', {}, ...used(fields.get(feature), value, marks.get(feature))),
      element('td', { class: 'effect' }, bar, `${sign}${Math.abs(contribution).toFixed(2)}`));
  });
  return [element('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'What pulled the decision up and down' },
    element('table', { class: 'effects' },
      element('caption', {}, 'What pulled the decision up and down'),
      element('thead', {}, element('tr', {}, ...['Field', 'Value', 'Effect'].map((name) => element('th', { scope: 'col' }, name)))),
      element('tbody', {}, ...rows)))];
}

/**
 * @param {any} one
 * @param {Map<string, any>} fields
 */
function application(one, fields) {
  const given = typeof one.request === 'object' && one.request !== null ? Object.entries(one.request) : [];
  const shown = given.flatMap(([name, value]) => [
    element('dt', {}, fields.get(name)?.label ?? name), element('dd', {}, text(fields.get(name), value))]);
  return element('section', { class: 'card', 'aria-labelledby': 'application-heading' },
    element('h2', { id: 'application-heading' }, 'Application'),
    given.length ? element('dl', { class: 'facts' }, ...shown) : element('pre', {}, String(one.request)),
    ...adjustments(one, fields));
}

/**
 * What the schema filled in or changed before the model decided.
 * @param {any} one
 * @param {Map<string, any>} fields
 */
function adjustments({ answer }, fields) {
  const all = adjustmentsOf(answer);
  if (all.length === 0) return [];
  const notes = all.map((adjustment) => {
    const field = fields.get(adjustment.feature);
    const said = field ? adjustmentText(field, adjustment) : adjustment.kind;
    return element('li', {}, element('strong', {}, field?.label ?? adjustment.feature), `: ${said}`);
  });
  return [element('h3', {}, adjustmentsHeading(all)), element('ul', { class: 'plain' }, ...notes)];
}

/**
 * @param {any} answer of the model; a text where it is no JSON
 * @returns {any[]}
 */
const adjustmentsOf = (answer) => answer?.adjustments ?? [];

/**
 * A value as the model used it, and what happened to it before.
 * @param {any} field
 * @param {any} value
 * @param {string | undefined} mark
 */
function used(field, value, mark) {
  if (!mark) return [text(field, value)];
  return [field ? valueText(field, value) : String(value), ' ', element('span', { class: 'caption' }, mark)];
}

/**
 * @param {any} field
 * @param {any} value
 */
function text(field, value) {
  if (value === null || value === undefined) return 'not given';
  if (typeof value === 'object') return JSON.stringify(value);
  return field ? valueText(field, value) : String(value);
}

/** @param {any} one where this stands in the log, for an auditor */
function provenance(one) {
  const facts = [
    ['Record', String(one.index)], ['Leaf', one.leaf], ['Request id', one.request_id], ['Route', one.route], ['Role', one.role],
    ['Model file', one.model.file_sha256 && `sha256:${one.model.file_sha256}`], ['Policy', one.model.policy_digest],
  ];
  return element('details', { class: 'card keyboard' },
    element('summary', {}, 'Record'),
    element('dl', { class: 'facts' }, ...facts.filter(([, value]) => value).flatMap(([name, value]) =>
      [element('dt', {}, String(name)), element('dd', {}, element('code', {}, String(value)))])));
}

/**
 * The fields of a model by name, as its newest version describes them; empty where there is no answer, and then asked
 * for again with the next application.
 * @param {any} model
 * @param {AbortSignal} signal
 */
async function fieldsOf(model, signal) {
  const key = nameAndVersion(model);
  if (!described.has(key)) {
    const description = await get(`models/${encodeURIComponent(model.name)}/schema`, signal).catch((error) => {
      if (isSuperseded(error)) throw error;
      return null;
    });
    if (!description) return new Map();
    described.set(key, new Map(description.features.map((/** @type {any} */ field) => [field.name, field])));
  }
  return described.get(key);
}
