/** What the page says about values, for every policy: what a missing one becomes, and what was changed. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adjustmentText, fieldText, filledIn, hasDecimalComma, jsonNumber, questionAbout } from '../../web/format.js';

const number = { name: 'income', type: 'number', role: 'input', label: 'Income', unit: 'USD', maximum: 100000, imputed: 67048 };
const boolean = { name: 'owner', type: 'boolean', role: 'input', label: 'Owner', imputed: true };
const category = {
  name: 'purpose', type: 'category', role: 'input', label: 'Purpose', imputed: 'CAR', categories: [{ value: 'CAR', label: 'Car' }],
};

test('a missing value becomes what its policy says, not always the imputed one', () => {
  for (const [feature, missing, expected] of [
    [number, 'impute', 67048], [number, 'zero', 0], [number, 'native', undefined], [number, 'error', undefined],
    [boolean, 'most_frequent', true], [boolean, 'zero', false], [boolean, 'native', undefined],
    [category, 'most_frequent', 'CAR'], [category, 'other', undefined], [category, 'native', undefined],
    // A protected feature has no policies.
    [number, undefined, undefined],
  ]) assert.equal(filledIn({ ...feature, missing }), expected, `${feature.name}, ${missing}`);
});

test('an adjustment is told in words, for every policy', () => {
  for (const [feature, adjustment, expected] of [
    [number, { kind: 'missing', policy: 'impute', to: 67048 }, 'Not given: 67,048 USD is used, the median in training.'],
    [number, { kind: 'missing', policy: 'zero', to: 0 }, 'Not given: 0 USD is used.'],
    [number, { kind: 'missing', policy: 'native', to: null }, 'Not given: the model has learned how to treat a missing value here.'],
    [number, { kind: 'out_of_range', policy: 'clamp', from: 144000, to: 100000 }, '144,000 USD was changed to 100,000 USD, the highest allowed.'],
    [number, { kind: 'out_of_range', policy: 'impute', from: 144000, to: 67048 }, '144,000 USD is out of range: 67,048 USD is used, the median in training.'],
    [boolean, { kind: 'missing', policy: 'most_frequent', to: true }, 'Not given: Yes is used, the most frequent in training.'],
    [category, { kind: 'missing', policy: 'other', to: null }, 'Not given: no category is used.'],
    [category, { kind: 'unknown', policy: 'other', from: 'X', to: null }, 'X is not known: no category is used.'],
    // What turns the direction of a text does not turn the sentence.
    [category, { kind: 'unknown', policy: 'other', from: 'X\u202e', to: null }, 'X\ufffd is not known: no category is used.'],
  ]) assert.equal(adjustmentText(feature, { feature: feature.name, ...adjustment }), expected);
});

test('a number with one separator and three digits behind it has two readings', () => {
  for (const text of ['65.000', ' 6,500', '-1.250', '+999,999']) assert.match(questionAbout(text), /^\S+ could be two numbers: write /, text);
  for (const text of ['65000', '65.00', '65.0000', '0.125', '1234.567', '1,250,000', '65,000.5', '65\u202f000', '65 000', "65'000", '']) {
    assert.equal(questionAbout(text), null, text);
  }
});

test('what a field shows is read as the same number, and has one reading where a decimal comma may be written', () => {
  for (const number of [0, 0.125, 6.5, 11.125, -11.125, 999.999, 6500, 65000, 12345.678, 1e6, 1e21]) {
    for (const decimalComma of [false, true]) {
      const text = fieldText(number, decimalComma);
      assert.equal(Number(jsonNumber(text)), number, text);
      if (decimalComma) assert.equal(questionAbout(text), null, text);
    }
  }
});

test('nobody groups the digits behind a zero', () => {
  for (const text of ['0,125', '00,125', '0 125']) assert.equal(jsonNumber(text), null, text);
});

test('a language that writes a decimal comma is known', () => {
  for (const [language, expected] of [['de', true], ['de-AT', true], ['pt-BR', true], ['en', false], ['de-CH', false], ['no language', false]]) {
    assert.equal(hasDecimalComma(language), expected, language);
  }
});
