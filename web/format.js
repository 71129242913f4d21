/**
 * How values are shown: numbers, percentages, ranges, and adjustments.
 * @import { Adjustment, Feature, Value } from '../model-wasm/src/model.js'
 */

// "0,125" is a fraction.
const GROUPED = /^[+-]?[1-9]\d{0,2}([, '’\u00a0\u2009\u202f])\d{3}(?:\1\d{3})*(?:\.\d*)?$/;
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const TWO_READINGS = /^([+-]?[1-9]\d{0,2})[.,](\d{3})$/;

/** @param {string} language whether it writes a decimal comma */
export function hasDecimalComma(language) {
  try {
    return (1.5).toLocaleString(language).includes(',');
  } catch {
    return false;
  }
}

/** @param {string} text what to ask about it where a decimal comma may be written: "65.000" is 65000 there, too */
export function questionAbout(text) {
  const parts = TWO_READINGS.exec(text.trim());
  return parts && `${parts[0]} could be two numbers: write ${parts[1]}${parts[2]} or ${parts[1]}.${parts[2]}0.`;
}

/**
 * A number as a field shows it: with one reading.
 * @param {string | number} number
 * @param {boolean} decimalComma
 */
export function fieldText(number, decimalComma) {
  const text = group(number);
  if (!decimalComma) return text;
  const spaced = text.replaceAll(',', '\u202f');
  return questionAbout(spaced) ? `${spaced}0` : spaced;
}

/**
 * Puts commas between the thousands of a plain decimal number of five digits or more; other text stays as it is.
 * @param {string | number} number
 * @param {number} least digits before the point from which it does so: four could be a year
 */
export function group(number, least = 5) {
  const text = String(number);
  const parts = /^(-?)(\d+)(\.\d+)?$/.exec(text);
  if (!parts || parts[2].length < least) return text;
  return parts[1] + parts[2].replace(/\B(?=(\d{3})+$)/g, ',') + (parts[3] ?? '');
}

/**
 * A number as a person types it, rewritten as JSON: "65,000" is 65000, ".5" is 0.5. No digit is lost.
 * @param {string} text
 * @returns {string | null} null when it is no number
 */
export function jsonNumber(text) {
  const trimmed = text.trim();
  const plain = GROUPED.test(trimmed) ? trimmed.replace(/[, '’\u00a0\u2009\u202f]/g, '') : trimmed;
  const parts = NUMBER.exec(plain);
  if (!parts || !(parts[2] || parts[3])) return null;
  const [, sign, whole, fraction, exponent] = parts;
  return (sign === '-' ? '-' : '') + (whole.replace(/^0+(?=\d)/, '') || '0')
    + (fraction ? `.${fraction}` : '') + (exponent ? `e${exponent}` : '');
}

/**
 * A probability as a percentage with one decimal, or as many as it takes to stay on its side of the threshold:
 * 0.49996 against 0.5 is "49.996%", not "50.0%".
 * @param {number} probability 0 to 1
 * @param {number} threshold 0 to 1
 */
export function percent(probability, threshold) {
  const onItsSide = (/** @type {string} */ digits) =>
    probability >= threshold ? Number(digits) >= threshold * 100 : Number(digits) < threshold * 100;
  for (let decimals = 1; decimals < 15; decimals += 1) {
    const digits = (probability * 100).toFixed(decimals);
    if (onItsSide(digits)) return `${digits}%`;
  }
  return `${probability * 100}%`;
}

/**
 * A share as a percentage without needless decimals: 0.5 is "50%", 0.125 is "12.5%".
 * @param {number} share 0 to 1
 */
export function plainPercent(share) {
  return `${Number((share * 100).toPrecision(6))}%`;
}

/**
 * The range a feature declares: "0 to 100", "Above 0, up to 100", or "" when it has none.
 * @param {Feature} feature
 */
export function range(feature) {
  const { minimum, exclusive_minimum: above, maximum, exclusive_maximum: below } = feature;
  if (minimum !== undefined && maximum !== undefined) return `${group(minimum)} to ${group(maximum)}`;
  const ends = [
    minimum !== undefined && `at least ${group(minimum)}`,
    above !== undefined && `above ${group(above)}`,
    maximum !== undefined && `up to ${group(maximum)}`,
    below !== undefined && `below ${group(below)}`,
  ];
  const text = ends.filter(Boolean).join(', ');
  return text && text[0].toUpperCase() + text.slice(1);
}

/**
 * A text that somebody gave, which leaves the text beside it as it is: characters that turn the direction are seen.
 * @param {unknown} given
 */
export const upright = (given) => String(given).replace(/[\u202a-\u202e\u2066-\u2069]/g, '\ufffd');

/**
 * A value as the form shows it: with its unit, its category's label, or Yes and No.
 * @param {Feature} feature
 * @param {Value | null | undefined} value
 */
export function valueText(feature, value) {
  if (value === null || value === undefined) return 'no category';
  if (feature.type === 'boolean') return value === true ? 'Yes' : value === false ? 'No' : upright(value);
  if (feature.type === 'category') {
    return feature.categories?.find((category) => category.value === value)?.label ?? upright(value);
  }
  const unit = feature.unit ? (feature.unit === '%' ? '%' : ` ${feature.unit}`) : '';
  // What has a unit is no year.
  return group(upright(value), unit ? 4 : 5) + unit;
}

/**
 * What a missing value becomes, by the feature's policy: the imputed value, 0, No, or nothing at all.
 * @param {Feature} feature
 * @returns {Value | undefined} `undefined` where nothing is filled in
 */
export function filledIn({ missing, type, imputed }) {
  if (missing === 'impute' || missing === 'most_frequent') return imputed;
  if (missing === 'zero') return type === 'boolean' ? false : 0;
  return undefined;
}

/** @param {Adjustment[]} adjustments */
export function adjustmentsHeading({ length }) {
  if (length === 0) return 'All values were used as given';
  return length === 1 ? '1 value was filled in or changed' : `${length} values were filled in or changed`;
}

/**
 * What a policy changed, as a sentence without its subject: "144 years was changed to 100 years, the highest allowed."
 * @param {Feature} feature
 * @param {Adjustment} adjustment
 */
export function adjustmentText(feature, adjustment) {
  const used = valueText(feature, adjustment.to);
  const came = adjustment.from === undefined ? 'A value' : valueText(feature, adjustment.from);
  const reason = adjustmentReason(feature, adjustment);
  if (adjustment.policy === 'native') return 'Not given: the model has learned how to treat a missing value here.';
  if (adjustment.kind === 'mismatch') return `${came} contradicts the other fields: ${used} is used, as ${feature.derived?.formula} gives.`;
  if (adjustment.kind === 'missing') return `Not given: ${used} is used${reason}.`;
  if (adjustment.policy === 'clamp') return `${came} was changed to ${used}${reason}.`;
  const problem = adjustment.kind === 'unknown' ? 'is not known' : 'is out of range';
  return `${came} ${problem}: ${used} is used${reason}.`;
}

/**
 * @param {Feature} feature
 * @param {Adjustment} adjustment
 */
function adjustmentReason(feature, { policy, to }) {
  if (policy === 'clamp') return to === feature.maximum ? ', the highest allowed' : ', the lowest allowed';
  if (policy === 'zero' || policy === 'other') return '';
  const isNumber = feature.type === 'number' || feature.type === 'integer';
  return isNumber ? ', the median in training' : ', the most frequent in training';
}
