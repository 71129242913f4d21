/**
 * The form, built from the schema. It validates nothing: what the module says about a field is shown next to it.
 * @import { Adjustment, Description, Feature, Policy, Problem, Value } from '../model-wasm/src/model.js'
 */

import { byId, element } from './dom.js';
import { adjustmentText, fieldText, filledIn, jsonNumber, questionAbout, range, valueText } from './format.js';

/**
 * One field.
 * @typedef {object} Field
 * @property {Feature} feature
 * @property {HTMLElement} box what stands in the form: label, control, texts
 * @property {HTMLElement} marked the control, or the group of them, where `aria-invalid` goes
 * @property {() => string | null} read the value as JSON text; null when nothing is given
 * @property {(value: Value) => void} set shows a value as if it had been typed
 * @property {() => string | null} [question] about a number with two readings
 * @property {HTMLElement} note what the module said about the field
 */

const NOT_GIVEN = '';
/** Up to three short choices are shown side by side; more become a list. */
const SIDE_BY_SIDE = { choices: 3, letters: 26 };

/**
 * Fills the form with a field for each input and protected feature.
 * @param {Description} description
 * @param {boolean} decimalComma whether a person may write one
 */
export function buildForm({ features, policy }, decimalComma) {
  const shown = features.filter(({ role, derived }) => !derived && (role === 'input' || role === 'protected'));
  const derived = features.filter((feature) => feature.derived).map((feature) => buildComputed(feature));
  const fields = new Map(shown.map((feature, index) =>
    // Where nothing is validated, no refusal would show a question.
    [feature.name, buildField(feature, `field-${index}`, decimalComma && (feature.role === 'input' || !!policy?.allow_protected))]));
  const boxes = (/** @type {string} */ group) =>
    [...fields.values()].filter(({ feature }) => groupOf(feature, policy) === group).map(({ box }) => box);
  byId('inputs').replaceChildren(...boxes('input'));
  for (const group of ['ruled', 'protected']) {
    byId(`${group}-inputs`).replaceChildren(...boxes(group));
    byId(group).hidden = boxes(group).length === 0;
  }
  byId('computed-fields').replaceChildren(...derived.map(({ box }) => box));
  byId('computed').hidden = derived.length === 0;

  return {
    /** @returns {[string, string][]} name and JSON text of every field that has a value */
    values: () => [...fields.values()].flatMap(({ feature, read }) => {
      const value = read();
      return value === null ? [] : [/** @type {[string, string]} */ ([feature.name, value])];
    }),
    /** @param {Problem[]} problems as the module says them, but for questions */
    inWords: (problems) => problems.map((problem) =>
      ({ ...problem, msg: fields.get(String(problem.loc[1]))?.question?.() ?? problem.msg })),
    /** @param {Problem[]} problems what the module refused: shown beside their fields, all others cleared */
    showProblems: (problems) => fields.forEach((field, name) => {
      const found = problems.filter(({ loc }) => loc[1] === name);
      setNote(field, found.map(({ msg }) => msg).join(' '), found.length > 0);
    }),
    /** @param {Adjustment[]} adjustments what a policy changed: shown beside their fields, all others cleared */
    showAdjustments: (adjustments) => fields.forEach((field, name) => {
      const found = adjustments.find(({ feature }) => feature === name);
      setNote(field, found ? adjustmentText(field.feature, found) : '', false);
    }),
    /** @param {Record<string, Value>} values what the derived fields come to; none where the application is refused */
    showComputed: (values) => derived.forEach(({ feature, output }) => {
      const value = values[feature.name];
      output.textContent = value === undefined || value === null ? '–' : valueText(feature, value);
    }),
    /** @param {string} name */
    feature: (name) => features.find((feature) => feature.name === name),
    /**
     * Shows a value as if it had been typed.
     * @param {string} name
     * @param {Value} value
     */
    set: (name, value) => fields.get(name)?.set(value),
    /** @param {string} name */
    focus: (name) => {
      const box = fields.get(name)?.box;
      const control = box?.querySelector('input:checked') ?? box?.querySelector('input, select');
      if (control instanceof HTMLElement) control.focus();
    },
  };
}

/**
 * Where a field stands. A name that is a part of another counts as used by a rule, too.
 * @param {Feature} feature
 * @param {Policy} [policy]
 */
function groupOf({ name, role }, policy) {
  // Names in backticks may have backslashes.
  const plain = (/** @type {string} */ text) => text.replaceAll('\\', '');
  const isRuled = role === 'protected' && policy?.allow_protected
    && policy.rules.some(({ when }) => plain(when).includes(plain(name)));
  return isRuled ? 'ruled' : role;
}

/**
 * A field that the module computes: its value and its formula, and nothing to type.
 * @param {Feature} feature
 */
function buildComputed(feature) {
  const output = element('output', { class: 'computed' }, '–');
  const formula = element('code', {}, feature.derived?.formula ?? '');
  const box = element('div', { class: 'field' },
    element('div', { class: 'name' }, element('span', {}, feature.label)), output,
    element('p', { class: 'hint' }, 'Computed: ', formula));
  return { feature, output, box };
}

/**
 * @param {Field} field
 * @param {string} text empty: nothing to say
 * @param {boolean} invalid
 */
function setNote({ box, marked, note }, text, invalid) {
  if (note.textContent !== text) note.textContent = text;
  note.hidden = text === '';
  box.dataset.state = invalid ? 'invalid' : text ? 'adjusted' : 'fine';
  if (invalid) marked.setAttribute('aria-invalid', 'true');
  else marked.removeAttribute('aria-invalid');
}

/**
 * @param {Feature} feature
 * @param {string} id
 * @param {boolean} decimalComma
 * @returns {Field}
 */
function buildField(feature, id, decimalComma) {
  const allowed = element('span', { id: `${id}-range`, class: 'range' }, range(feature));
  const isChoice = feature.type === 'boolean' || feature.type === 'category';
  const unit = element('span', { id: `${id}-unit`, class: 'unit' }, isChoice ? '' : feature.unit ?? '');
  const help = element('p', { id: `${id}-help`, class: 'hint' }, feature.help ?? '');
  const note = element('p', { id: `${id}-note`, class: 'note', hidden: true });
  const said = [unit, allowed, help].filter(({ textContent }) => textContent !== '');
  const { name, control, marked, read, set, question } = (isChoice ? choice : text)({
    feature, id, decimalComma, described: [...said, note].map((part) => part.id).join(' '),
  });
  const box = element('div', { class: 'field' },
    element('div', { class: 'name' }, name, ...said.filter((part) => part === allowed)),
    control, ...said.filter((part) => part === help), note);
  if (said.includes(unit)) control.append(unit);
  return { feature, box, marked, note, read, set, question };
}

/**
 * @typedef {{ feature: Feature, id: string, decimalComma: boolean, described: string }} Parts
 * @typedef {object} Control
 * @property {HTMLElement} name the label
 * @property {HTMLElement} control what stands under the label
 * @property {HTMLElement} marked
 * @property {() => string | null} read
 * @property {(value: Value) => void} set
 * @property {() => string | null} [question]
 */

/** @param {Feature} feature whether the module refuses an application without it */
const isRequired = (feature) => (feature.missing ?? 'error') === 'error' && feature.role === 'input';

/**
 * A number is a text field: a browser's own number field returns an empty value for input that it cannot parse, and an
 * empty value may be imputed without any error.
 * @param {Parts} parts
 * @returns {Control}
 */
function text({ feature, id, decimalComma, described }) {
  const negative = (feature.minimum ?? feature.exclusive_minimum ?? -1) < 0;
  const fill = filledIn(feature);
  const shown = (/** @type {Value} */ value) => fieldText(String(value), decimalComma);
  const input = element('input', {
    id,
    name: feature.name,
    type: 'text',
    // The numeric keyboards of phones have no minus.
    inputmode: negative ? null : feature.type === 'integer' ? 'numeric' : 'decimal',
    value: feature.example === undefined ? null : shown(feature.example),
    placeholder: fill === undefined ? null : `${shown(fill)} if empty`,
    'aria-required': isRequired(feature) && 'true',
    'aria-describedby': described,
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const question = () => (decimalComma ? questionAbout(input.value) : null);
  const number = () => (question() ? null : jsonNumber(input.value));
  input.addEventListener('change', () => {
    const given = number();
    if (given !== null) input.value = shown(given);
  });
  // The module refuses the question; "65.000" it would read.
  const read = () => (input.value.trim() === '' ? null : number() ?? JSON.stringify(question() ?? input.value));
  const set = (/** @type {Value} */ value) => {
    input.value = shown(value ?? '');
    input.dispatchEvent(new Event('change', { bubbles: true }));
  };
  const name = element('label', { for: id }, feature.label);
  return { name, control: element('div', { class: 'box' }, input), marked: input, read, set, question };
}

/**
 * @param {Parts} parts
 * @returns {Control}
 */
function choice(parts) {
  const options = choices(parts.feature);
  const letters = options.reduce((sum, { label }) => sum + label.length, 0);
  const short = options.length <= SIDE_BY_SIDE.choices && letters <= SIDE_BY_SIDE.letters;
  const made = short ? radios(parts, options) : list(parts, options);
  const read = () => {
    const value = made.value();
    if (value === NOT_GIVEN) return null;
    return parts.feature.type === 'boolean' ? value : JSON.stringify(value);
  };
  return { name: made.name, control: made.control, marked: made.marked, read, set: (value) => made.choose(String(value ?? NOT_GIVEN)) };
}

/**
 * The choices: "Not given" is one of them where the module accepts a missing value, or where there is no example.
 * @param {Feature} feature
 * @returns {{ value: string, label: string }[]}
 */
function choices(feature) {
  const given = feature.type === 'boolean'
    ? [{ value: 'true', label: 'Yes' }, { value: 'false', label: 'No' }]
    : feature.categories ?? [];
  const needsNone = !isRequired(feature) || feature.example === undefined;
  return needsNone ? [...given, { value: NOT_GIVEN, label: 'Not given' }] : given;
}

/** @param {Feature} feature */
const firstChoice = (feature) => (feature.example === undefined ? NOT_GIVEN : String(feature.example));

/**
 * @param {Parts} parts
 * @param {{ value: string, label: string }[]} options
 */
function radios({ feature, id, described }, options) {
  const labelId = `${id}-label`;
  const first = firstChoice(feature);
  const controls = options.map(({ value }, index) => element('input', {
    type: 'radio', id: index === 0 ? id : `${id}-${index}`, name: feature.name, value, checked: value === first,
  }));
  const segments = controls.map((control, index) =>
    element('label', { class: 'segment' }, control, element('span', {}, options[index].label)));
  const control = element('div', {
    class: 'segments', role: 'radiogroup', 'aria-labelledby': labelId, 'aria-describedby': described,
    'aria-required': isRequired(feature) && 'true',
  }, ...segments);
  const choose = (/** @type {string} */ value) => {
    controls.forEach((one) => { one.checked = one.value === value; });
    control.dispatchEvent(new Event('change', { bubbles: true }));
  };
  const name = element('span', { id: labelId }, feature.label);
  return { name, control, marked: control, value: () => controls.find(({ checked }) => checked)?.value ?? NOT_GIVEN, choose };
}

/**
 * @param {Parts} parts
 * @param {{ value: string, label: string }[]} options
 */
function list({ feature, id, described }, options) {
  const first = firstChoice(feature);
  const fill = filledIn(feature);
  const used = fill === undefined ? '' : ` (${valueText(feature, fill)} is used)`;
  const select = element('select', {
    id, name: feature.name, 'aria-required': isRequired(feature) && 'true', 'aria-describedby': described,
  }, ...options.map(({ value, label }) => element('option', { value, selected: value === first },
    value === NOT_GIVEN && !isRequired(feature) ? label + used : label)));
  const choose = (/** @type {string} */ value) => {
    select.value = value;
    select.dispatchEvent(new Event('change', { bubbles: true }));
  };
  const name = element('label', { for: id }, feature.label);
  return { name, control: element('div', { class: 'box select' }, select), marked: select, value: () => select.value, choose };
}
