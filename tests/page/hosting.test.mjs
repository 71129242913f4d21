/** The page behind the real server and on a static host: its policy, its size, and what it says when the model is bad. */

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, describe as suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openBrowser, openPage, POLICY, shownDecision, startServer, startStatic, testModel } from './support.mjs';

const KIB = 1024;
const MISFIT = /^model\.wasm is damaged, or does not match model\.js: /;

suite('hosting', () => {
  let browser;
  before(async () => { browser = await openBrowser(); });
  after(() => browser?.close());

  test('the server sends the strict policy with every file, and the page keeps to it', async () => {
    const server = await startServer(testModel());
    const { page, context, requests, complaints, response } = await openPage(browser, server.url);
    assert.equal(response.headers()['content-security-policy'], POLICY);
    assert.ok(requests.length > 0);
    for (const request of requests) {
      const [, url] = request.split(' ');
      assert.ok(url.startsWith(server.url), `${url} is the server's own`);
      const { headers } = await fetch(url, { headers: { accept: 'text/html' } });
      assert.equal(headers.get('content-security-policy'), POLICY, url);
      assert.equal(headers.get('x-content-type-options'), 'nosniff', url);
    }
    await useEverything(page);
    assert.deepEqual(complaints, []);
    assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
    await context.close();
    await server.close();
  });

  test('the policy of the server and of the page are the same', async () => {
    const html = await readFile(new URL('../../web/index.html', import.meta.url), 'utf8');
    const [, inPage] = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html);
    // A meta tag cannot hold frame-ancestors.
    assert.equal(`${inPage}; frame-ancestors 'none'`, POLICY);
    assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
  });

  test('a static host is enough, under any path, and it hears nothing after the page has loaded', async () => {
    const host = await startStatic(testModel());
    const { page, context, requests, complaints } = await openPage(browser, host.url);
    const loaded = requests.length;
    await useEverything(page);
    assert.match((await shownDecision(page)).probability, /^[\d.e-]+$/);
    assert.deepEqual(requests.slice(loaded), []);
    assert.ok(requests.every((request) => request.startsWith(`GET ${host.url}`)), requests.join('\n'));
    assert.deepEqual(complaints, []);
    assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
    await context.close();
    await host.close();
  });

  const broken = {
    'model.wasm is missing': [{ 'model.wasm': null }, /^model\.wasm could not be loaded: the server answered 404$/],
    'model.js is missing': [{ 'model.js': null }, /^model\.js could not be loaded: /],
    'worker.js is missing': [{ 'worker.js': null }, /^worker\.js could not be loaded/],
    'model.wasm is no WebAssembly': [{ 'model.wasm': 'not a module' }, MISFIT],
    'model.wasm is another program': [{ 'model.wasm': Buffer.from('0061736d01000000', 'hex') }, MISFIT],
    'model.wasm holds an altered model': [{ 'model.wasm': altered }, /SHA-256 .* altered/],
    'model.wasm is cut short': [{ 'model.wasm': (bytes) => bytes.subarray(0, bytes.length >> 1) }, MISFIT],
  };
  for (const [what, [replaced, expected]] of Object.entries(broken)) {
    test(`says so when ${what}, and tries again`, async () => {
      const bytes = await readFile(testModel());
      const files = Object.fromEntries(Object.entries(replaced).map(([name, body]) => [name, typeof body === 'function' ? body(bytes) : body]));
      const host = await startStatic(testModel(), files);
      const { page, context } = await openPage(browser, host.url);
      assert.match(await page.locator('#failure-reason').textContent(), expected);
      for (const name of Object.keys(files)) delete host.files[name];
      Object.assign(host.files, host.originals);
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.locator('#ready').waitFor();
      await context.close();
      await host.close();
    });
  }

  test('the page is small: 40 KB by itself, 300 KB with the engine, gzipped', async () => {
    const folder = new URL('../../web/', import.meta.url);
    // The loan officer's page is another one.
    const names = (await readdir(folder)).filter((name) => !name.startsWith('officer'));
    const files = await Promise.all(names.map((name) => readFile(new URL(name, folder))));
    const page = sum(files.map(zipped));
    assert.ok(page <= 40 * KIB, `the page is ${page} bytes`);
    const host = await startStatic(testModel());
    const engine = zipped(host.files['model.js']) + zipped(withoutArtifact(host.files['model.wasm']));
    await host.close();
    assert.ok(page + engine <= 300 * KIB, `the page is ${page} bytes, the engine ${engine}`);
  });
});

const zipped = (bytes) => gzipSync(bytes).length;
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** Where the seal at the end of a model.wasm says that its artifact is (docs/reference/artifact-format.md). */
function artifactOf(bytes) {
  const seal = bytes.length - 32 - 3 * 8;
  const [offset, length] = [0, 8].map((at) => Number(bytes.readBigUInt64LE(seal + at)));
  return { offset, end: offset + length };
}

/** The module with zeros in place of its artifact. */
function withoutArtifact(bytes) {
  const { offset, end } = artifactOf(bytes);
  return Buffer.from(bytes).fill(0, offset, end);
}

/** The module with the last byte of its artifact turned round. */
function altered(bytes) {
  const copy = Buffer.from(bytes);
  copy[artifactOf(bytes).end - 1] ^= 0xff;
  return copy;
}

/** Touches all that the page can do. */
async function useEverything(page) {
  for (const input of await page.locator('#form input[type=text]').all()) await input.fill('1');
  for (const select of await page.locator('#form select').all()) await select.selectOption({ index: 1 });
  for (const radio of await page.locator('#form [type=radio]').all()) await radio.check();
  await page.locator('#developers summary').click();
  await page.getByRole('button', { name: 'Reset to the example' }).click();
  await page.locator('#announcement', { hasText: 'probability' }).waitFor({ state: 'attached' });
}
