/**
 * The decision panel: the decision and its probability, the values that were adjusted, or why there is no decision.
 * @import { Adjustment, Decision, Description, Feature, Problem } from '../model-wasm/src/model.js'
 */

import { byId, element } from './dom.js';
import { adjustmentText, percent, plainPercent } from './format.js';

/**
 * @param {Description} description
 * @param {{ feature: (name: string) => Feature | undefined, focus: (name: string) => void }} form
 */
export function buildDecision({ target, threshold }, form) {
  const panel = byId('decision');
  const meter = byId('meter');
  byId('threshold').textContent = plainPercent(threshold);
  byId('threshold').setAttribute('value', String(threshold));
  meter.setAttribute('aria-label', `Probability of ${target.positive_label}`);
  meter.style.setProperty('--threshold', String(threshold));

  return {
    /** @param {Decision} decision */
    show: (decision) => {
      panel.dataset.verdict = decision.approve ? 'yes' : 'no';
      byId('verdict').textContent = decision.prediction_label;
      showProbability(decision);
      showNotes(adjustmentsHeading(decision.adjustments), decision.adjustments.map((adjustment) =>
        adjustmentNote(adjustment, form.feature(adjustment.feature))));
    },
    /** @param {Problem[]} problems */
    refuse: (problems) => {
      panel.dataset.verdict = 'none';
      byId('verdict').textContent = 'No decision';
      showNoProbability();
      showNotes(problemsHeading(problems), problems.map((problem) => problemNote(problem, form)));
    },
    /** After a keystroke that the module refuses, until the person stops typing. */
    wait: () => { panel.dataset.verdict = 'waiting'; },
  };
}

/**
 * What a screen reader says when the person has stopped typing.
 * @param {Decision} decision
 */
export function decisionSentence({ prediction_label: label, probability, threshold, adjustments }) {
  const figures = `probability ${percent(probability, threshold)}, threshold ${plainPercent(threshold)}`;
  return `${label}: ${figures}. ${adjustmentsHeading(adjustments)}.`;
}

/**
 * @param {Problem[]} problems
 * @param {(name: string) => Feature | undefined} feature
 */
export function problemsSentence(problems, feature) {
  const said = problems.map((problem) => `${feature(String(problem.loc[1]))?.label ?? 'Application'}: ${problem.msg}`);
  return `No decision. ${problemsHeading(problems)}: ${said.join('. ')}`;
}

/** @param {Decision} decision */
function showProbability({ probability, threshold }) {
  const text = percent(probability, threshold);
  const shown = byId('probability');
  shown.textContent = text;
  shown.setAttribute('value', String(probability));
  const meter = byId('meter');
  meter.setAttribute('aria-valuenow', String(probability));
  meter.setAttribute('aria-valuetext', `${text}, threshold ${plainPercent(threshold)}`);
  meter.style.setProperty('--probability', String(probability));
}

function showNoProbability() {
  const shown = byId('probability');
  shown.textContent = '–';
  shown.setAttribute('value', '');
  const meter = byId('meter');
  meter.setAttribute('aria-valuenow', '0');
  meter.setAttribute('aria-valuetext', 'none');
  meter.style.setProperty('--probability', '0');
}

/**
 * Keeps notes that have not changed: leaving a field asks the model again, and a button that is replaced while it is
 * pressed never receives its click.
 * @param {string} heading
 * @param {HTMLElement[]} notes
 */
function showNotes(heading, notes) {
  const list = byId('notes-list');
  const text = (/** @type {Iterable<Element>} */ items) => Array.from(items, ({ textContent }) => textContent).join('\n');
  if (text(list.children) !== text(notes)) list.replaceChildren(...notes);
  byId('notes-heading').textContent = heading;
}

/** @param {Adjustment[]} adjustments */
function adjustmentsHeading({ length }) {
  if (length === 0) return 'All values were used as given';
  return length === 1 ? '1 value was filled in or changed' : `${length} values were filled in or changed`;
}

/** @param {Problem[]} problems */
function problemsHeading({ length }) {
  return length === 1 ? '1 thing needs attention' : `${length} things need attention`;
}

/**
 * @param {Adjustment} adjustment
 * @param {Feature | undefined} feature
 */
function adjustmentNote(adjustment, feature) {
  if (!feature) return element('li', {}, `${adjustment.feature}: ${adjustment.kind}`);
  return element('li', {}, element('strong', {}, feature.label), `: ${adjustmentText(feature, adjustment)}`);
}

/**
 * @param {Problem} problem
 * @param {{ feature: (name: string) => Feature | undefined, focus: (name: string) => void }} form
 */
function problemNote({ loc, msg }, form) {
  const name = String(loc[1]);
  const feature = form.feature(name);
  if (!feature) return element('li', {}, msg);
  const link = element('button', { type: 'button', class: 'link' }, feature.label);
  link.addEventListener('click', () => form.focus(name));
  return element('li', {}, link, `: ${msg}`);
}
