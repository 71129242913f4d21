/**
 * The decision panel: the decision and its probability, the values that were adjusted, or why there is no decision.
 * @import { Adjustment, Decision, Description, Feature, Problem, Rule } from '../model-wasm/src/model.js'
 *
 * @typedef {{ code: string, act: string, text: Record<string, string> }} Matched what matched, and what it does
 */

import { byId, element } from './dom.js';
import { adjustmentText, adjustmentsHeading, percent, plainPercent } from './format.js';

/** How the panel looks for each outcome. */
const VERDICTS = { approve: 'yes', refer: 'refer', decline: 'no' };
/** What a matching rule does. */
const ACTS = { approve: 'approves', refer: 'refers', decline: 'declines' };

/**
 * @param {Description} description
 * @param {{ feature: (name: string) => Feature | undefined, focus: (name: string) => void }} form
 */
export function buildDecision(description, form) {
  const { target, threshold } = description;
  const panel = byId('decision');
  const meter = byId('meter');
  byId('threshold').textContent = plainPercent(threshold);
  byId('threshold').setAttribute('value', String(threshold));
  meter.setAttribute('aria-label', `Probability of ${target.positive_outcome ?? target.positive_label}`);
  meter.style.setProperty('--threshold', String(threshold));

  return {
    /** @param {Decision} decision */
    show: (decision) => {
      panel.dataset.verdict = VERDICTS[outcomeOf(decision)];
      byId('verdict').textContent = verdict(decision, description);
      setRules(matchedRules(decision, description).map((rule) => ruleNote(rule, description)));
      showProbability(decision);
      showNotes(adjustmentsHeading(decision.adjustments), decision.adjustments.map((adjustment) =>
        adjustmentNote(adjustment, form.feature(adjustment.feature))));
    },
    /** @param {Problem[]} problems */
    refuse: (problems) => {
      panel.dataset.verdict = 'none';
      byId('verdict').textContent = 'No decision';
      showNoProbability();
      setRules([]);
      showNotes(problemsHeading(problems), problems.map((problem) => problemNote(problem, form)));
    },
    /** After a keystroke that the module refuses, until the person stops typing. */
    wait: () => { panel.dataset.verdict = 'waiting'; },
  };
}

/**
 * What a screen reader says when the person has stopped typing.
 * @param {Decision} decision
 * @param {Description} description
 */
export function decisionSentence(decision, description) {
  const { probability, threshold, adjustments } = decision;
  const figures = `probability ${percent(probability, threshold)}, threshold ${plainPercent(threshold)}`;
  const rules = matchedRules(decision, description).map((rule) => `${ruleText(rule, description)} `).join('');
  return `${verdict(decision, description)}: ${figures}. ${rules}${adjustmentsHeading(adjustments)}.`;
}

/**
 * Files of older formats have no outcome: the threshold decided.
 * @param {Decision} decision
 */
function outcomeOf({ outcome, approve }) {
  return outcome ?? (approve ? 'approve' : 'decline');
}

/**
 * The label of what was decided, unless a person decides. Answers have it in the model's first language alone.
 * @param {Decision} decision
 * @param {Description} description
 */
export function verdict(decision, { target }) {
  if (outcomeOf(decision) === 'refer') return 'Referred to a person';
  return decision.approve ? target.positive_label : target.negative_label;
}

/**
 * @param {Decision} decision
 * @param {Description} description
 * @returns {Matched[]} the rules behind the codes of the decision
 */
function matchedRules({ rules = [] }, { policy }) {
  return rules.flatMap((code) => sharing(policy?.rules.filter((rule) => rule.code === code) ?? []));
}

/**
 * Rules may share a code: which of them matched is not in the decision, so that all of their texts are shown.
 * @param {Rule[]} rules of one code
 * @returns {Matched[]} one that stands for all of them, or none
 */
function sharing(rules) {
  const [first] = rules;
  if (!first) return [];
  const act = rules.every((rule) => rule.then === first.then) ? ` ${ACTS[first.then]}` : '';
  const texts = (/** @type {string} */ language) => [...new Set(rules.flatMap((rule) => rule.text[language] ?? []))].join(' / ');
  const languages = [...new Set(rules.flatMap((rule) => Object.keys(rule.text)))];
  const text = Object.fromEntries(languages.map((language) => [language, texts(language)]));
  return [{ code: first.code, act, text }];
}

/**
 * @param {Matched} rule
 * @param {Description} description
 */
function ruleText({ text }, { languages = [] }) {
  return `${text[languages[0]] ?? Object.values(text)[0]}.`;
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

/** @param {HTMLElement[]} rules */
function setRules(rules) {
  byId('rules').hidden = rules.length === 0;
  byId('rules-heading').textContent = rules.length === 1 ? '1 rule matched' : `${rules.length} rules matched`;
  byId('rules-list').replaceChildren(...rules);
}

/** @param {Problem[]} problems */
function problemsHeading({ length }) {
  return length === 1 ? '1 thing needs attention' : `${length} things need attention`;
}

/**
 * @param {Matched} rule
 * @param {Description} description
 */
function ruleNote(rule, description) {
  return element('li', {}, element('strong', {}, rule.code), `${rule.act}: ${ruleText(rule, description)}`);
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
