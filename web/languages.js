/**
 * The language that explanations are shown in: one of the model's, at first that of the page.
 * @import { Description, Feature, Value } from '../model-wasm/src/model.js'
 */

import { byId, element } from './dom.js';
import { valueText } from './format.js';

/**
 * Fills the choice of languages; hidden where there is one.
 * @param {Description} description
 * @param {() => void} changed
 * @returns {() => string} the language that is chosen
 */
export function buildLanguages({ languages = ['en'] }, changed) {
  const select = /** @type {HTMLSelectElement} */ (byId('language'));
  select.replaceChildren(...languages.map((language) =>
    element('option', { value: language, selected: language === languages[0] }, nameOf(language))));
  byId('language-choice').hidden = languages.length < 2;
  select.addEventListener('change', changed);
  return () => select.value;
}

/** @param {string} language in itself: "Deutsch" */
function nameOf(language) {
  try {
    return new Intl.DisplayNames([language], { type: 'language' }).of(language) ?? language;
  } catch {
    return language;
  }
}

/**
 * @param {Feature} feature
 * @param {string} language
 */
export function labelIn(feature, language) {
  return feature.labels?.[language] ?? feature.label;
}

/**
 * @param {Feature} feature
 * @param {Value | undefined} value
 * @param {string} language
 */
export function valueIn(feature, value, language) {
  const category = feature.categories?.find((one) => one.value === value);
  return category?.labels?.[language] ?? valueText(feature, value);
}
