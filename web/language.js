/**
 * The model's texts in one of its languages: the page's, which the browser asks for, and that of explanations, which is
 * chosen.
 * @import { Description, Feature, Value } from '../model-wasm/src/model.js'
 */

import { byId, element } from './dom.js';
import { valueText } from './format.js';

/**
 * @param {Description} description
 * @param {readonly string[]} wanted languages such as `de-AT`, the dearest first
 * @returns {string} one of the model's
 */
export function chosenLanguage({ languages = ['en'] }, wanted) {
  for (const language of wanted) {
    const same = languages.find((one) => one.toLowerCase() === language.toLowerCase());
    const akin = same ?? languages.find((one) => base(one) === base(language));
    if (akin) return akin;
  }
  return languages[0];
}

/**
 * The description with every text in `language`, which then is its first language; a text that lacks it is in the
 * model's first.
 * @param {Description} description
 * @param {string} language one of the model's
 * @returns {Description}
 */
export function inLanguage(description, language) {
  const text = (/** @type {string} */ first, /** @type {Record<string, string> | undefined} */ all) => all?.[language] ?? first;
  const { model, target } = description;
  return {
    ...description,
    model: {
      ...model,
      ...(model.title && { title: text(model.title, model.titles) }),
      ...(model.description && { description: text(model.description, model.descriptions) }),
    },
    target: {
      ...target,
      positive_label: text(target.positive_label, target.positive_labels),
      negative_label: text(target.negative_label, target.negative_labels),
    },
    features: description.features.map((feature) => inFeature(feature, text)),
    languages: [language, ...(description.languages ?? []).filter((one) => one !== language)],
  };
}

/**
 * @param {Feature} feature
 * @param {(first: string, all?: Record<string, string>) => string} text
 * @returns {Feature}
 */
function inFeature(feature, text) {
  const { label, labels, help, helps, categories } = feature;
  return {
    ...feature,
    label: text(label, labels),
    ...(help && { help: text(help, helps) }),
    ...(categories && { categories: categories.map((one) => ({ ...one, label: text(one.label, one.labels) })) }),
  };
}

/** @param {string} language `de` of `de-AT` */
function base(language) {
  return language.toLowerCase().split('-')[0];
}

/**
 * Fills the choice of languages for explanations; hidden where there is one.
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
