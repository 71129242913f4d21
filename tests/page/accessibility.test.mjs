/** Everybody can use the page: by keyboard, by ear, in the dark, on a small screen, on paper. */

import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';
import { after, before, describe as suite, test } from 'node:test';
import { describe, isChoice, openBrowser, openPage, settled, shownFeatures, startServer, startStatic, testModel } from './support.mjs';

suite('accessibility', () => {
  let browser, server, description, names;
  before(async () => {
    description = await describe(testModel());
    names = shownFeatures(description).map(({ name }) => name);
    server = await startServer(testModel());
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  const looks = {
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    'narrow, light': { colorScheme: 'light', viewport: { width: 320, height: 640 } },
    'narrow, dark': { colorScheme: 'dark', viewport: { width: 320, height: 640 } },
    'forced colours': { forcedColors: 'active' },
  };
  for (const [look, options] of Object.entries(looks)) {
    test(`axe finds nothing: ${look}`, async () => {
      const { page, context } = await openPage(browser, server.url, { reducedMotion: 'reduce', ...options });
      await page.locator('#developers summary').click();
      await checkAxe(page);
      await page.locator(`#form [name="${firstNumber().name}"]`).fill('many');
      await settled(page, /^No decision/);
      await checkAxe(page);
      await context.close();
    });
  }

  test('axe finds nothing when there is no model', async () => {
    const host = await startStatic(testModel(), { 'model.wasm': null });
    const { page, context } = await openPage(browser, host.url);
    assert.equal(await page.getByRole('alert').count(), 1);
    await checkAxe(page);
    await context.close();
    await host.close();
  });

  test('the keyboard alone reaches every control in order, decides, and opens the details', async () => {
    const { page, context } = await openPage(browser, server.url);
    const reached = [];
    for (let active = ''; active !== 'SUMMARY'; reached.push(active)) {
      await page.keyboard.press('Tab');
      active = await page.evaluate(() => document.activeElement.name || document.activeElement.tagName);
      assert.ok(reached.length < 200, 'the end is reached');
      assert.ok(await page.evaluate(() => outlined(document.activeElement)), `${active} shows its focus`);
    }
    assert.deepEqual(reached.filter((name) => names.includes(name)), names);
    assert.equal(reached[0], 'BUTTON');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('#developers').getAttribute('open'), '');
    while (await page.evaluate(() => document.activeElement.name) !== names[0]) await page.keyboard.press('Shift+Tab');
    await context.close();
  });

  test('a person who does not see the page hears the outcome', async () => {
    const { page, context } = await openPage(browser, server.url);
    await settled(page, /: probability [\d.]+%, threshold [\d.]+%\. All values were used as given\.$/);
    const said = await page.getByRole('status').filter({ hasText: 'probability' }).textContent();
    assert.ok(said.startsWith(await page.locator('#verdict').textContent()));
    const meter = page.getByRole('meter', { name: `Probability of ${description.target.positive_outcome}` });
    assert.match(await meter.getAttribute('aria-valuetext'), /^[\d.]+%, threshold [\d.]+%$/);
    await context.close();
  });

  for (const width of [320, 390, 768, 1024, 1920]) {
    test(`nothing is cut off at ${width} px, and the decision stays in sight`, async () => {
      const { page, context } = await openPage(browser, server.url, { viewport: { width, height: 800 } });
      await page.locator('#developers summary').click();
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      await page.locator(`#form [name="${names.at(-1)}"]`).first().focus();
      const [verdict, control] = await page.evaluate(() => {
        const box = (element) => element.getBoundingClientRect().toJSON();
        return [box(document.getElementById('decision')), box(document.activeElement)];
      });
      assert.ok(verdict.top >= 0 && verdict.bottom <= 800, 'the decision is in sight');
      const apart = control.top >= verdict.bottom || control.right <= verdict.left;
      assert.ok(apart, 'the decision does not cover the control');
      await context.close();
    });
  }

  test('on paper: the application, the decision and the model, no buttons', async () => {
    const { page, context } = await openPage(browser, server.url, { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    for (const id of ['verdict', 'probability', 'inputs', 'facts']) assert.ok(await page.locator(`#${id}`).isVisible(), id);
    assert.equal(await page.locator('button:visible, #developers:visible').count(), 0);
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
    const pdf = await page.pdf({ format: 'A4' });
    assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
    await context.close();
  });

  test('without JavaScript the page says what to do', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(server.url);
    await page.getByRole('heading', { name: 'This page needs JavaScript' }).waitFor();
    await context.close();
  });

  const firstNumber = () => shownFeatures(description).find((feature) => !isChoice(feature));

  async function checkAxe(page) {
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html }) => html).join(' | ')}`), []);
  }
});
