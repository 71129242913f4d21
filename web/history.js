/**
 * What changed since the first application: the fields, and what was decided.
 * @import { Decision, Description, Feature } from '../model-wasm/src/model.js'
 */

import { verdict } from './decision.js';
import { byId, element } from './dom.js';
import { percent } from './format.js';
import { labelIn, valueIn } from './language.js';

/**
 * @param {Description} description
 */
export function buildHistory(description) {
  const { features } = description;
  /** @type {{ values: Map<string, string>, decision: Decision } | null} */
  let first = null;
  /** @type {{ values: Map<string, string>, decision: Decision } | null} */
  let last = null;
  let language = 'en';

  const show = () => {
    if (!first || !last) return;
    const changed = features.filter(({ name }) => first?.values.get(name) !== last?.values.get(name));
    byId('history').hidden = changed.length === 0;
    byId('history-list').replaceChildren(...changed.map((feature) => line(feature, first, last, language)));
    byId('history-verdict').textContent = `${sentence(first.decision, description)} at first, ${sentence(last.decision, description)} now.`;
  };
  byId('history-reset').addEventListener('click', () => { first = last; show(); });

  return {
    /**
     * @param {[string, string][]} values
     * @param {Decision} decision
     * @param {string} chosen
     */
    show: (values, decision, chosen) => {
      last = { values: new Map(values), decision };
      first ??= last;
      language = chosen;
      show();
    },
  };
}

/**
 * @param {Decision} decision
 * @param {Description} description
 */
function sentence(decision, description) {
  return `${verdict(decision, description)} (${percent(decision.probability, decision.threshold)})`;
}

/**
 * @param {Feature} feature
 * @param {{ values: Map<string, string> } | null} first
 * @param {{ values: Map<string, string> } | null} last
 * @param {string} language
 */
function line(feature, first, last, language) {
  const text = (/** @type {{ values: Map<string, string> } | null} */ state) => {
    const json = state?.values.get(feature.name);
    return json === undefined ? 'not given' : valueIn(feature, JSON.parse(json), language);
  };
  return element('li', {}, element('strong', {}, labelIn(feature, language)), `: ${text(first)} → ${text(last)}`);
}
