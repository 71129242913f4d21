/** The form is the schema: every input is there, labelled, with what the schema says about it. */

import assert from 'node:assert/strict';
import { after, before, describe as suite, test } from 'node:test';
import { describe, isChoice, openBrowser, openPage, predict, shownDecision, shownFeatures, shownRequest, startServer, testModels } from './support.mjs';

const plain = (text) => text.replaceAll(/[,\s]/g, '');

for (const { name, path } of testModels()) {
  suite(`the form of ${name}`, () => {
    let browser, server, page, description;
    before(async () => {
      description = await describe(path);
      server = await startServer(path);
      browser = await openBrowser();
      ({ page } = await openPage(browser, server.url));
    });
    after(async () => {
      await browser?.close();
      await server?.close();
    });

    test('names the model, its version and its whole digest', async () => {
      const { model } = description;
      if (model.title) assert.equal(await page.title(), `${model.title} · Underwrite`);
      const facts = await page.locator('#facts').textContent();
      for (const fact of [model.name, model.version, model.digest]) assert.ok(facts.includes(fact), `${fact} in ${facts}`);
      const metrics = Object.values(description.training?.metrics ?? {}).length;
      assert.equal(await page.locator('#metrics dt').count(), metrics);
    });

    test('has a labelled control for every input and protected feature, in order, and none for the others', async () => {
      const names = await page.locator('#form').evaluate((form) => [...new Set([...form.elements].map(({ name }) => name).filter(Boolean))]);
      assert.deepEqual(names, shownFeatures(description).map((feature) => feature.name));
      for (const feature of shownFeatures(description)) {
        const role = await control(feature).evaluate((element) => element.getAttribute('role') ?? element.localName);
        const labelled = page.getByRole({ radiogroup: 'radiogroup', select: 'combobox', input: 'textbox' }[role], { name: feature.label, exact: true });
        assert.ok(await labelled.count() >= 1, `a ${role} labelled ${feature.label}`);
      }
    });

    test('keeps protected features apart and says that they are not used', async () => {
      const apart = shownFeatures(description).filter(({ role }) => role === 'protected');
      const group = page.getByRole('group', { name: 'Not used in the decision' });
      assert.equal(await group.count(), apart.length > 0 ? 1 : 0);
      for (const { name: field } of apart) assert.ok(await group.locator(`[name="${field}"]`).count() > 0, field);
    });

    test('starts with the examples and says unit, range and help', async () => {
      const request = JSON.parse(await shownRequest(page));
      for (const feature of shownFeatures(description)) {
        if (feature.example !== undefined) assert.equal(request[feature.name], feature.example, feature.name);
        const said = plain(await describedBy(feature));
        const expected = [feature.help, isChoice(feature) ? '' : feature.unit, ...['minimum', 'exclusive_minimum', 'maximum', 'exclusive_maximum'].map((key) => feature[key])];
        for (const part of expected) {
          if (part !== undefined) assert.ok(said.includes(plain(String(part))), `${feature.name}: "${part}" in "${said}"`);
        }
      }
    });

    test('offers every category under its label', async () => {
      for (const feature of shownFeatures(description).filter(({ type }) => type === 'category')) {
        const offered = await control(feature).evaluate((element) => (element.localName === 'select'
          ? [...element.options].map((option) => [option.value, option.textContent])
          : [...element.querySelectorAll('label')].map((label) => [label.querySelector('input').value, label.textContent])));
        const given = offered.filter(([value]) => value !== '');
        assert.deepEqual(given, feature.categories.map(({ value, label }) => [value, label]), feature.name);
      }
    });

    test('decides on the examples as the API does', async () => {
      const { status, answer } = await predict(server.url, await shownRequest(page));
      assert.equal(status, 200, JSON.stringify(answer));
      const shown = await shownDecision(page);
      assert.equal(shown.label, answer.prediction_label);
      assert.equal(shown.probability, String(answer.probability));
    });

    /** The text field, list or group of a feature. */
    function control({ name: field }) {
      const named = page.locator(`#form [name="${field}"]`).first();
      return named.and(page.locator('[type=text], select')).or(page.locator('[role=radiogroup]').filter({ has: page.locator(`[name="${field}"]`) }));
    }

    function describedBy(feature) {
      return control(feature).evaluate((element) =>
        element.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent).join(' '));
    }
  });
}
