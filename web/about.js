/**
 * What the page says about the model: its identity, its training data and its metrics.
 * @import { Description, Policy } from '../model-wasm/src/model.js'
 */

import { byId, copyButton, element } from './dom.js';
import { plainPercent } from './format.js';

/** How known metrics are shown; others appear under their own name. */
const METRICS = {
  accuracy: { label: 'Accuracy', help: 'share of correct decisions', share: true },
  f1_weighted: { label: 'F1, weighted', help: '1 is best', share: false },
  roc_auc: { label: 'ROC AUC', help: '1 is a perfect ranking, 0.5 is random', share: false },
  log_loss: { label: 'Log loss', help: 'lower is better', share: false },
  brier: { label: 'Brier score', help: 'lower is better', share: false },
};

/** @param {Description} description */
export function showAbout({ model, threshold, training, policy }) {
  const title = model.title ?? words(model.name);
  document.title = `${title} · Underwrite`;
  byId('title').textContent = title;
  byId('description').textContent = model.description ?? '';
  byId('description').hidden = !model.description;
  byId('identity').textContent = `${model.name} ${model.version} · ${shortDigest(model.digest)}`;
  byId('facts').replaceChildren(
    ...fact('Name', model.name),
    ...fact('Version', model.version),
    ...fact('Kind', words(model.kind)),
    ...fact('Threshold', plainPercent(threshold)),
    ...(policy ? policyFacts(policy) : []),
    ...fact('Digest', element('code', { class: 'digest' }, model.digest), copyButton('Copy the digest', () => model.digest)),
  );
  showMetrics(training);
}

/** @param {Policy} policy */
function policyFacts({ version, refer, rules }) {
  const count = rules.length === 1 ? '1 rule' : `${rules.length} rules`;
  const band = refer ? [fact('Referred', `from ${plainPercent(refer[0])} to below ${plainPercent(refer[1])}`)] : [];
  return [...fact('Policy', `${version}, ${count}`), ...band.flat()];
}

/** @param {Description['training']} training */
function showMetrics(training) {
  const metrics = Object.entries(training.metrics).filter(([, value]) => typeof value === 'number');
  byId('measured').hidden = metrics.length === 0;
  byId('measured-on').textContent = measuredOn(training);
  byId('metrics').replaceChildren(...metrics.map(([name, value]) => metric(name, Number(value))));
}

/** @param {Description['training']} training */
function measuredOn({ rows_train: train, rows_test: test }) {
  if (!train || !test) return '';
  return `Trained on ${train.toLocaleString('en')} applications, tested on ${test.toLocaleString('en')} others.`;
}

/**
 * @param {string} name
 * @param {number} value
 */
function metric(name, value) {
  const { label, help, share } = METRICS[/** @type {keyof METRICS} */ (name)] ?? { label: words(name), help: '', share: false };
  const text = share ? `${(value * 100).toFixed(1)}%` : value.toFixed(3);
  return element('div', {}, element('dt', {}, label), element('dd', {}, text),
    ...(help ? [element('dd', { class: 'caption' }, help)] : []));
}

/**
 * @param {string} name
 * @param {...(Node | string)} value
 */
function fact(name, ...value) {
  return [element('dt', {}, name), element('dd', {}, ...value)];
}

/** @param {string} name `random_forest` reads "Random forest" */
function words(name) {
  const text = name.replaceAll(/[_-]/g, ' ');
  return text[0].toUpperCase() + text.slice(1);
}

/** @param {string} digest `sha256:` and 64 hexadecimal digits */
function shortDigest(digest) {
  return digest.slice(0, 'sha256:'.length + 12);
}
