/** Which of the model's languages the page takes, and where its texts appear. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chosenLanguage, inLanguage } from '../../web/language.js';

test('the language is the first that the browser asks for and the model has', () => {
  const languages = ['en', 'de', 'pt-BR'];
  for (const [wanted, expected] of [
    [['de'], 'de'], [['de-AT', 'en'], 'de'], [['fr', 'pt'], 'pt-BR'], [['PT-br', 'de'], 'pt-BR'], [['fr'], 'en'], [[], 'en'],
  ]) assert.equal(chosenLanguage({ languages }, wanted), expected, wanted.join());
  assert.equal(chosenLanguage({}, ['de']), 'en');
});

test('every text is in the language, or in the first where it lacks it', () => {
  const description = {
    model: { name: 'loans', title: 'Loans', titles: { en: 'Loans', de: 'Kredite' }, description: 'Decides.' },
    target: { name: 'y', positive_label: 'Yes', positive_labels: { en: 'Yes', de: 'Ja' }, negative_label: 'No' },
    features: [
      { name: 'age', label: 'Age', labels: { en: 'Age', de: 'Alter' } },
      {
        name: 'purpose', label: 'Purpose', help: 'Why', helps: { en: 'Why', de: 'Warum' },
        categories: [{ value: 'CAR', label: 'Car', labels: { en: 'Car', de: 'Auto' } }, { value: 'HOME', label: 'Home' }],
      },
    ],
    languages: ['en', 'de'],
  };
  const german = inLanguage(description, 'de');
  assert.equal(german.model.title, 'Kredite');
  assert.equal(german.model.description, 'Decides.');
  assert.deepEqual([german.target.positive_label, german.target.negative_label], ['Ja', 'No']);
  assert.deepEqual(german.features.map(({ label }) => label), ['Alter', 'Purpose']);
  assert.equal(german.features[1].help, 'Warum');
  assert.deepEqual(german.features[1].categories.map(({ label }) => label), ['Auto', 'Home']);
  assert.deepEqual(german.languages, ['de', 'en']);
  assert.deepEqual(inLanguage(description, 'en').model.title, 'Loans');
});
