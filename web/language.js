/**
 * The model's texts in the language that the browser asks for, where the model has it.
 * @import { Description, Feature } from '../model-wasm/src/model.js'
 */

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
