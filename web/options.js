/**
 * What would change the decision: the cheapest changes that are approved, as cards; fields that are to stay; and where
 * each field alone flips the decision.
 * @import { Description, Explanation, Feature, Flip, Recourse, RecourseOption, Value } from '../model-wasm/src/model.js'
 */

import { byId, element } from './dom.js';
import { plainPercent } from './format.js';
import { labelIn, valueIn } from './language.js';

/** What a flip leads to. */
const OUTCOMES = { approve: 'approved', refer: 'referred to a person', decline: 'declined' };

/**
 * @param {Description} description
 * @param {{ set: (name: string, value: Value) => void }} form
 * @param {() => void} frozen what to do when another field is to stay
 */
export function buildOptions(description, form, frozen) {
  const actionable = description.features.filter((feature) => feature.actionable);
  const boxes = new Map(actionable.map((feature) =>
    [feature.name, element('input', { type: 'checkbox', name: `freeze-${feature.name}` })]));
  const labels = new Map(actionable.map((feature) => [feature.name, element('span', {}, feature.label)]));
  byId('freeze').replaceChildren(...actionable.map(({ name }) =>
    element('label', { class: 'check' }, /** @type {HTMLElement} */ (boxes.get(name)), /** @type {HTMLElement} */ (labels.get(name)))));
  byId('freeze').addEventListener('change', (event) => { event.stopPropagation(); frozen(); });
  byId('change').hidden = actionable.length === 0;
  const feature = (/** @type {string} */ name) => description.features.find((one) => one.name === name);

  return {
    /** Names of the fields that are to stay. */
    freeze: () => [...boxes].flatMap(([name, box]) => (box.checked ? [name] : [])),
    /**
     * @param {Explanation} explanation
     * @param {string} language
     */
    showFlips: ({ decision, recourse, contributions }, language) => {
      labels.forEach((label, name) => { label.textContent = labelIn(/** @type {Feature} */ (feature(name)), language); });
      const today = new Map(contributions.map(({ feature: name, value }) => [name, value]));
      // Flips begin at what was stated, not at what a policy put in its place.
      decision.adjustments.forEach(({ feature: name, kind, from }) => {
        if (kind === 'out_of_range' && from !== undefined) today.set(name, Number(from));
      });
      const unstated = new Set(decision.adjustments.filter(({ kind }) => kind === 'missing').map(({ feature: name }) => name));
      byId('flips').replaceChildren(...actionable.map((one) => element('tr', {},
        element('th', { scope: 'row' }, labelIn(one, language)),
        element('td', {}, valueIn(one, today.get(one.name), language)),
        element('td', {}, unstated.has(one.name) ? 'not stated' : flipText(one, today.get(one.name), recourse?.flips ?? [], language)))));
      const isApproved = decision.approve;
      byId('options-heading').hidden = isApproved;
      byId('freeze-group').hidden = isApproved;
      if (isApproved) byId('options').replaceChildren();
      byId('options-note').textContent = isApproved ? 'This application is approved: no change is needed.' : byId('options-note').textContent;
    },
    /** While the search runs. */
    wait: () => { byId('options').dataset.state = 'waiting'; },
    /**
     * @param {Recourse} recourse
     * @param {string} language
     */
    showOptions: (recourse, language) => {
      byId('options').dataset.state = 'fine';
      byId('options-note').textContent = noteOf(recourse);
      byId('options').replaceChildren(...recourse.options.map((option, index) => card(option, index, feature, form, language)));
    },
  };
}

/** @param {Recourse} recourse */
function noteOf({ options, impossible, note, lower_bound: bound }) {
  const said = note === undefined ? '' : `${note}.`;
  if (impossible) return said || 'No change of these fields within their bounds leads to an approval. That is proved, not guessed.';
  if (options.length === 0) return `No way to an approval was found${said ? `; there may be one. ${said}` : ' in the time allowed; there may be one.'}`;
  const isOpen = said !== '' || bound !== undefined;
  const proof = isOpen ? ` A cheaper way may exist: ${said || 'the search ended before it was proved.'}` : '';
  return `With all else as it is, this model would have approved. It is no promise: another model or another day may decide differently.${proof}`;
}

/**
 * @param {RecourseOption} option
 * @param {number} index
 * @param {(name: string) => Feature | undefined} feature
 * @param {{ set: (name: string, value: Value) => void }} form
 * @param {string} language
 */
function card({ changes, probability, proven }, index, feature, form, language) {
  const lines = changes.map(({ feature: name, from, to }) => {
    const one = feature(name);
    if (!one) return element('li', {}, name);
    return element('li', {}, element('span', { class: 'option-name' }, labelIn(one, language)),
      element('span', {}, element('s', {}, valueIn(one, from, language)), ' → ', element('strong', {}, valueIn(one, to, language))));
  });
  const apply = element('button', { type: 'button', class: 'button apply', 'aria-label': `Apply option ${index + 1}` }, 'Apply');
  apply.addEventListener('click', () => changes.forEach(({ feature: name, to }) => form.set(name, to)));
  return element('li', { class: 'option' },
    element('h3', {}, `Option ${index + 1}`),
    element('ul', {}, ...lines),
    element('p', { class: 'option-foot' }, element('span', { class: 'caption' },
      `${plainPercent(Math.round(probability * 1000) / 1000)} probability${proven ? '' : ', not proved to be the cheapest'}`), apply));
}

/**
 * @param {Feature} feature
 * @param {Value | undefined} today
 * @param {Flip[]} flips
 * @param {string} language
 */
function flipText(feature, today, flips, language) {
  const own = flips.filter(({ feature: name }) => name === feature.name);
  if (own.length === 0) return 'no value within its bounds';
  return own.map(({ value, outcome }) => {
    const shown = valueIn(feature, value, language);
    const isNumber = typeof value === 'number' && typeof today === 'number';
    const side = isNumber ? (value > today ? 'from ' : 'up to ') : '';
    return `${side}${shown}: ${OUTCOMES[outcome]}`;
  }).join('; ');
}
