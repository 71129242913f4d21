/** The decision follows what one types, in the page alone, and is the one the API gives. */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe as suite, test } from 'node:test';
import { describe, isChoice, openBrowser, openPage, predict, settled, shownDecision, shownFeatures, shownRequest, startServer, testModel } from './support.mjs';

suite('the decision', () => {
  let browser, server, description, context, page, requests, complaints;
  before(async () => {
    description = await describe(testModel());
    server = await startServer(testModel());
    browser = await openBrowser();
  });
  beforeEach(async () => { ({ context, page, requests, complaints } = await openPage(browser, server.url)); });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test('changes as one types, without a request and with the network off', async () => {
    const example = JSON.parse(await shownRequest(page));
    const flip = await findFlip(example);
    assert.ok(requests.some((request) => request.endsWith('/model.wasm')), 'the worker\'s requests are seen');
    const before = requests.length;
    await context.setOffline(true);
    const first = await shownDecision(page);

    await enter(flip.name, flip.value);
    await page.locator('#verdict', { hasText: flip.label }).waitFor();
    const second = await shownDecision(page);
    assert.equal(second.probability, flip.probability);
    assert.notEqual(second.probability, first.probability);
    assert.equal(await page.locator('#meter').getAttribute('aria-valuenow'), flip.probability);

    await page.getByText('You are offline now.').waitFor();
    await page.getByRole('button', { name: 'Reset to the example' }).click();
    await page.locator('#verdict', { hasText: first.label }).waitFor();
    assert.deepEqual(await shownDecision(page), first);
    assert.deepEqual(requests.slice(before), []);
  });

  test('shows what is computed, as the fields that it follows from change', async (t) => {
    const derived = description.features.filter((feature) => feature.derived);
    if (derived.length === 0) return t.skip('the model under test derives nothing');
    const outputs = page.locator('#computed output');
    assert.equal(await outputs.count(), derived.length);
    const example = JSON.parse(await shownRequest(page));
    for (const { name } of derived) assert.ok(!(name in example), `${name} is not sent`);
    if (derived[0].derived.formula !== 'loan_amnt / person_income') return undefined;
    await enter('loan_amnt', '12000');
    await enter('person_income', '48000');
    return outputs.filter({ hasText: '0.25' }).waitFor();
  });

  test('is what POST /predict answers, field by field', async () => {
    for (const feature of numbers()) {
      for (const value of candidates(feature)) {
        await enter(feature.name, value);
        await page.waitForFunction(([name, text]) => document.getElementById('request').textContent.includes(`${JSON.stringify(name)}: ${text}`), [feature.name, value]);
        const { status, answer } = await predict(server.url, await shownRequest(page));
        const shown = JSON.parse(await page.locator('#answer').textContent());
        delete answer.latency_seconds;
        delete answer.request_id;
        assert.deepEqual(shown, answer, `${feature.name} = ${value}, status ${status}`);
        if (status === 200) assert.equal((await shownDecision(page)).probability, String(answer.probability));
      }
    }
  });

  test('does not depend on protected features', async () => {
    const first = await shownDecision(page);
    const guarded = shownFeatures(description).filter(({ role, type }) => role === 'protected' && type === 'category');
    for (const { name, categories } of guarded) {
      for (const { value } of categories) {
        await enter(name, value);
        await page.waitForFunction(([field, text]) => JSON.parse(document.getElementById('request').textContent)[field] === text, [name, value]);
        assert.deepEqual(await shownDecision(page), first);
      }
    }
  });

  test('says in a sentence what was changed, in the list and by the field', async () => {
    const feature = numbers().find((one) => one.out_of_range === 'clamp' && one.maximum !== undefined);
    assert.ok(feature, 'the model under test has a clamped number');
    const input = field(feature.name);
    await input.fill(String(feature.maximum + 44));
    await settled(page, /1 value was filled in or changed/);
    const [note] = (await shownDecision(page)).notes;
    assert.match(note, /^.+: [\d,.]+.* was changed to [\d,.]+.*, the highest allowed\.$/);
    assert.ok(note.startsWith(feature.label));
    assert.ok(note.endsWith(await noteOf(input)));
    assert.equal(await input.getAttribute('aria-invalid'), null);
  });

  test('says what is used when a value is missing', async () => {
    const feature = numbers().find((one) => one.missing === 'impute');
    assert.ok(feature, 'the model under test fills in a number');
    await field(feature.name).fill('');
    await settled(page, /1 value was filled in or changed/);
    assert.match((await shownDecision(page)).notes[0], /: Not given: .+ is used, the median in training\.$/);
  });

  test('shows an error by its field, announces it, leads to it, and forgets it', async () => {
    const feature = numbers()[0];
    const input = field(feature.name);
    await input.fill('many');
    await settled(page, /^No decision\. 1 thing needs attention: .+: /);
    assert.equal(await input.getAttribute('aria-invalid'), 'true');
    const { answer } = await predict(server.url, await shownRequest(page));
    assert.equal(await noteOf(input), answer.detail[0].msg);
    const shown = await shownDecision(page);
    assert.deepEqual([shown.label, shown.probability], ['No decision', '']);

    await page.getByRole('button', { name: feature.label, exact: true }).click({ delay: 200 });
    assert.equal(await input.evaluate((element) => element === document.activeElement), true);
    await input.fill(String(feature.example));
    await settled(page, /All values were used as given/);
    assert.equal(await input.getAttribute('aria-invalid'), null);
    assert.equal(await noteOf(input), '');
  });

  test('shows an error that belongs to no field', async () => {
    if (description.max_adjustments === undefined) return;
    const fillable = numbers().filter(({ missing }) => missing === 'impute');
    assert.ok(fillable.length > description.max_adjustments, 'the model under test has enough to fill in');
    const example = JSON.parse(await shownRequest(page));
    for (const { name } of fillable) await field(name).fill('');
    const { answer } = await predict(server.url, { ...example, ...Object.fromEntries(fillable.map(({ name }) => [name, null])) });
    await page.locator('#notes-list', { hasText: answer.detail[0].msg }).waitFor();
    assert.deepEqual((await shownDecision(page)).notes, answer.detail.map(({ msg }) => msg));
  });

  test('reads numbers as people write them, and shows their thousands', async () => {
    const { name, maximum } = numbers().find((one) => (one.maximum ?? Infinity) >= 54321);
    assert.ok((maximum ?? Infinity) >= 54321);
    const input = field(name);
    for (const [typed, sent, shown] of [
      ['54321', '54321', '54,321'], ['54,321', '54321', '54,321'], ['54 321', '54321', '54,321'], ['054321.50', '54321.50', '54,321.50'],
      ['54321.', '54321', '54,321'], ['1e999', '1e999', '1e999'], ['5,4', '"5,4"', '5,4'], ['12 monkeys', '"12 monkeys"', '12 monkeys'],
    ]) {
      await input.fill(typed);
      await input.blur();
      await page.waitForFunction(([field, text]) => document.getElementById('request').textContent.includes(`${JSON.stringify(field)}: ${text}`), [name, sent]);
      assert.equal(await input.inputValue(), shown, typed);
    }
  });

  test('asks about a number that has two readings where a decimal comma may be written', async () => {
    const { name } = numbers().find((one) => (one.maximum ?? Infinity) >= 65000);
    const german = await openPage(browser, server.url, { locale: 'de-DE' });
    const input = german.page.locator(`#form [name="${name}"]`);
    const request = (text) => german.page.waitForFunction(([field, json]) =>
      document.getElementById('request').textContent.includes(`${JSON.stringify(field)}: ${json}`), [name, text]);
    for (const [typed, question] of [
      ['65.000', '65.000 could be two numbers: write 65000 or 65.0000.'], ['6,500', '6,500 could be two numbers: write 6500 or 6.5000.'],
    ]) {
      await input.fill(typed);
      await input.blur();
      await request(JSON.stringify(question));
      await german.page.locator('#verdict', { hasText: 'No decision' }).waitFor();
      assert.equal(await noteOf(input), question);
      assert.equal(await input.inputValue(), typed);
    }
    for (const [typed, sent, shown] of [
      ['65000', '65000', '65\u202f000'], ['65\u202f000', '65000', '65\u202f000'], ['65.0000', '65.0000', '65.0000'], ['65,000.5', '65000.5', '65\u202f000.5'],
    ]) {
      await input.fill(typed);
      await input.blur();
      await request(sent);
      assert.equal(await input.inputValue(), shown, typed);
    }
    await german.context.close();
    assert.deepEqual(german.complaints, []);
  });

  test('gives developers a curl line that answers the same', async () => {
    const line = await page.locator('#curl').textContent();
    assert.ok(line.includes(`${server.url}predict`), line);
    const { execFileSync } = await import('node:child_process');
    const answer = JSON.parse(execFileSync('sh', ['-c', line]));
    assert.equal(String(answer.probability), (await shownDecision(page)).probability);
  });

  const field = (name) => page.locator(`#form [name="${name}"]`);
  const noteOf = (input) => input.evaluate((element) =>
    element.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id)).find(({ className }) => className === 'note').textContent);
  const numbers = () => shownFeatures(description).filter((feature) => feature.role === 'input' && !isChoice(feature));

  /** What to try: every choice, or numbers at and between the ends of the range. */
  function candidates({ type, categories, minimum = 0, maximum = 1e6, example }) {
    if (type === 'boolean') return ['true', 'false'];
    if (type === 'category') return categories.map(({ value }) => value);
    const middle = (minimum + maximum) / 2;
    const texts = [minimum, middle, maximum, Number(example) * 1.1].map((value) => String(type === 'integer' ? Math.round(value) : value));
    return [...new Set(texts)];
  }

  /** One change of the example that turns the decision round. */
  async function findFlip(example) {
    const { answer: first } = await predict(server.url, example);
    const inputs = shownFeatures(description).filter(({ role }) => role === 'input');
    for (const feature of [...numbers(), ...inputs.filter(isChoice)]) {
      for (const value of candidates(feature)) {
        const sent = feature.type === 'category' ? value : JSON.parse(value);
        const { status, answer } = await predict(server.url, { ...example, [feature.name]: sent });
        if (status === 200 && answer.approve !== first.approve) {
          return { name: feature.name, value, label: answer.prediction_label, probability: String(answer.probability) };
        }
      }
    }
    throw new Error('No single value turns the example\'s decision round');
  }

  /** Enters a value in whatever control the feature has. */
  async function enter(name, value) {
    const control = field(name).first();
    const kind = await control.evaluate(({ localName, type }) => (localName === 'select' ? 'select' : type));
    if (kind === 'select') await control.selectOption(value);
    else if (kind === 'radio') await page.locator(`#form [name="${name}"][value="${value}"]`).check();
    else await control.fill(value);
  }
});
