/**
 * Why: what pulled the decision up and down, as bars, and the reasons in the chosen language.
 * @import { Description, Explanation } from '../model-wasm/src/model.js'
 */

import { byId, element } from './dom.js';
import { labelIn, valueIn } from './language.js';

/** What the profiles are called. */
const COMPARED = {
  near_threshold: 'the approved applications nearest to the threshold',
  lowest_approved: 'the approved applications with the lowest scores',
  approved: 'approved applications',
  all: 'all applications',
  imputed: 'the values that are filled in when a field is left out',
};

/**
 * @param {Description} description
 */
export function buildWhy(description) {
  const inputs = new Map(description.features.map((feature) => [feature.name, feature]));
  const body = byId('bars');
  /** @type {Map<string, { row: HTMLElement, show: (name: string, text: string, effect: number, most: number) => void }>} */
  const rows = new Map();

  return {
    /**
     * @param {Explanation} explanation
     * @param {string} language
     */
    show: (explanation, language) => {
      const { contributions, compared_with: { name }, scale } = explanation;
      const most = Math.max(...contributions.map(({ contribution }) => Math.abs(contribution)), 1e-12);
      const sorted = [...contributions].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
      const shown = sorted.flatMap(({ feature, value, contribution }) => {
        const described = inputs.get(feature);
        if (!described) return [];
        const row = rows.get(feature) ?? buildRow();
        rows.set(feature, row);
        row.show(labelIn(described, language), valueIn(described, value, language), contribution, most);
        return [row.row];
      });
      // Rows that keep their place keep the focus and the transition of their bar.
      if (shown.some((row, index) => body.children[index] !== row)) body.replaceChildren(...shown);
      byId('compared').textContent = `Compared with ${COMPARED[/** @type {keyof typeof COMPARED} */ (name)] ?? name}, in ${
        scale === 'log_odds' ? 'log odds' : 'parts of the score'}. It says how the model came to its decision, not what causes what.`;
      showReasons(explanation);
    },
  };
}

/** A line of the table: label, value, bar. */
function buildRow() {
  const [label, value] = [element('th', { scope: 'row' }), element('td', { class: 'bar-value' })];
  const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
  const figure = element('span');
  const row = element('tr', {}, label, value, element('td', { class: 'bar-cell' }, bar), element('td', { class: 'bar-figure' }, figure));
  return {
    row,
    show: (/** @type {string} */ name, /** @type {string} */ text, /** @type {number} */ effect, /** @type {number} */ most) => {
      label.textContent = name;
      value.textContent = text;
      figure.textContent = signed(effect);
      row.dataset.pull = effect < 0 ? 'down' : 'up';
      bar.style.setProperty('--part', String(Math.abs(effect) / most));
    },
  };
}

/** @param {number} number with its sign, and a minus that is one */
function signed(number) {
  const text = Math.abs(number).toFixed(2);
  if (Number(text) === 0) return '0.00';
  return `${number < 0 ? '−' : '+'}${text}`;
}

/** @param {Explanation} explanation */
function showReasons({ reasons, note }) {
  byId('reasons').hidden = reasons?.length === 0;
  byId('reasons-note').textContent = reasons === null ? `${note}.` : '';
  byId('reasons-list').replaceChildren(...(reasons ?? []).map(({ code, text, share }) =>
    element('li', {}, element('span', {}, text), ' ',
      element('span', { class: 'caption' }, share === null ? `rule ${code}` : `${code}, ${Math.round(share * 100)}% of what counted against`))));
}
