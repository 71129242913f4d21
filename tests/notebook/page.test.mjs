// The three models of the example notebook, in the page: what it shows for an application is what
// the library that trained the model said about it.
//
// UNDERWRITE_NOTEBOOK is the folder that test_notebook.py filled.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe as suite, test } from 'node:test';
import { openBrowser, openPage, shownDecision, shownRequest, startServer } from '../page/support.mjs';

const folder = process.env.UNDERWRITE_NOTEBOOK;
const { applications, probability } = JSON.parse(readFileSync(join(folder, 'answers.json')));
/** How far an imported model may be from its library. */
const ALLOWED = { lightgbm: 1e-15, xgboost: 5e-7, sklearn: 1e-12 };

for (const [library, allowed] of Object.entries(ALLOWED)) {
  suite(`the model of ${library}`, () => {
    let browser;
    let server;
    before(async () => {
      [browser, server] = await Promise.all([openBrowser(), startServer(join(folder, `${library}.wasm`))]);
    });
    after(async () => {
      await browser?.close();
      await server?.close();
    });

    test('answers in the page', async () => {
      const { page, requests, complaints } = await openPage(browser, server.url);
      const before = requests.length;
      for (const [index, application] of applications.entries()) {
        for (const [name, value] of Object.entries(application)) await enter(page, name, value);
        const asked = Object.entries(application).filter(([, value]) => value !== null);
        await page.waitForFunction((wanted) => {
          const request = JSON.parse(document.getElementById('request').textContent);
          return wanted.every(([name, value]) => request[name] === value);
        }, asked);
        const request = JSON.parse(await shownRequest(page));
        for (const [name, value] of Object.entries(application)) assert.equal(request[name] ?? null, value, name);
        await page.waitForFunction(
          ([wanted, most]) => Math.abs(Number(document.getElementById('probability').getAttribute('value')) - wanted) <= most,
          [probability[library][index], allowed],
        ).catch(async () => assert.fail(`${JSON.stringify(await shownDecision(page))}, expected ${probability[library][index]}`));
        assert.match((await shownDecision(page)).label, /\S/);
      }
      assert.deepEqual(requests.slice(before), [], 'the page decides without a request');
      assert.deepEqual(complaints, []);
      await page.context().close();
    });
  });
}

/** Enters a value in whatever control the feature has; null is left empty. */
async function enter(page, name, value) {
  const control = page.locator(`#form [name="${name}"]`).first();
  const kind = await control.evaluate(({ localName, type }) => (localName === 'select' ? 'select' : type));
  if (kind === 'select') await control.selectOption(value ?? '');
  else if (kind === 'radio') await page.locator(`#form [name="${name}"][value="${value}"]`).check();
  else await control.fill(value === null ? '' : String(value));
}
