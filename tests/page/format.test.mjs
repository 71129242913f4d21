/** What the page says about values, for every policy: what a missing one becomes, and what was changed. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adjustmentText, filledIn } from '../../web/format.js';

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
