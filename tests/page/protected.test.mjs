/** Protected features: what the page says of them where rules may name them, and where none does. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe as suite, test } from 'node:test';
import { describe, openBrowser, openPage, shownFeatures, startStatic, testModel, testProgram } from './support.mjs';

suite('the form of a model whose rules may name protected features', () => {
  const APART = { ruled: 'Used by rules only', unused: 'Not used in the decision' };
  let browser, folder, protectedName;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'form-'));
    protectedName = shownFeatures(await describe(testModel())).find(({ role, type }) => role === 'protected' && type === 'category').name;
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  /** The page of the model with one rule, and which groups it shows. */
  async function opened(name, condition) {
    const [policy, model] = [join(folder, `${name}.toml`), join(folder, `${name}.wasm`)];
    writeFileSync(policy, [
      '[policy]', 'version = "test"', 'allow_protected = true', '[[rule]]', 'id = "one"', `when = '''${condition}'''`, 'then = "decline"',
      'code = "R1"', 'text = { en = "A rule", de = "Eine Regel" }', 'if_missing = "skip"',
    ].join('\n'));
    execFileSync(testProgram(), ['policy', 'apply', testModel(), '--policy', policy, '--out', model], { stdio: 'ignore' });
    const server = await startStatic(model);
    const { page } = await openPage(browser, server.url);
    const groups = Object.values(APART).map((heading) => page.getByRole('group', { name: heading }));
    return { server, page, groups };
  }

  test('says of one that a rule names that rules may use it, and it decides', async () => {
    const { categories } = shownFeatures(await describe(testModel())).find(({ name }) => name === protectedName);
    const { server, page, groups: [ruled, unused] } = await opened('named', `\`${protectedName}\` == "${categories[0].value}"`);
    const field = ruled.locator(`[name="${protectedName}"]`).first();
    assert.ok(await field.count() > 0);
    assert.match(await ruled.textContent(), /rules may use them/);
    assert.equal(await unused.count(), 0);
    const ruleShown = [];
    for (const { value, label } of categories.slice(0, 2)) {
      await ruled.getByRole('radio', { name: label, exact: true }).check();
      await page.waitForFunction(([name, text]) => JSON.parse(document.getElementById('request').textContent)[name] === text, [protectedName, value]);
      ruleShown.push(await page.locator('#rules').isVisible());
    }
    assert.deepEqual(ruleShown, [true, false]);
    await server.close();
  });

  test('says of one that no rule names that it is not used', async () => {
    const { server, groups: [ruled, unused] } = await opened('unnamed', 'loan_amnt > 1e9');
    assert.equal(await ruled.count(), 0);
    assert.ok(await unused.locator(`[name="${protectedName}"]`).count() > 0);
    await server.close();
  });
});
