/**
 * What `underwrite export js` writes, as people use it: `await init()` beside model.wasm in Node, in a thread, in a page
 * and in a module Worker; and the types. UNDERWRITE_TEST_MODEL is the model, UNDERWRITE_BIN the program.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = process.env.UNDERWRITE_BIN ?? join(ROOT, 'target/release/underwrite');
const MODEL = process.env.UNDERWRITE_TEST_MODEL;
if (!MODEL) throw new Error('UNDERWRITE_TEST_MODEL must name a packed model.wasm: run `cargo xtask test`');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

/** Decides the model's own examples, and says what came out. */
const DECIDE = `
  await init();
  const model = new Model();
  const application = Object.fromEntries(model.describe().features
    .filter((feature) => feature.role === 'input' && !feature.derived && feature.example !== undefined)
    .map((feature) => [feature.name, feature.example]));
  const { probability } = model.predict(application);`;

const folder = mkdtempSync(join(tmpdir(), 'export-'));
after(() => rmSync(folder, { recursive: true }));

before(() => {
  const out = join(folder, 'model');
  const done = spawnSync(PROGRAM, ['export', 'js', resolve(MODEL), '--out', out], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  assert.deepEqual(readFileSync(join(out, 'model.wasm')), readFileSync(MODEL));
});

async function inNode() {
  const { default: init, Model } = await import(pathToFileURL(join(folder, 'model/model.js')));
  return Function('init', 'Model', `return (async () => {${DECIDE}; return probability; })()`)(init, Model);
}

test('Node reads the module beside it, without a warning', async () => {
  const warned = [];
  const { warn } = console;
  console.warn = (text) => warned.push(text);
  const probability = await inNode();
  console.warn = warn;
  assert.ok(probability > 0 && probability < 1, probability);
  assert.deepEqual(warned, []);
  const path = pathToFileURL(join(folder, 'model/model.wasm'));
  const { default: init } = await import(`${pathToFileURL(join(folder, 'model/model.js'))}?again`);
  await init({ module_or_path: path });
});

test('a thread of Node does too', async () => {
  const file = join(folder, 'thread.mjs');
  writeFileSync(file, `import { parentPort } from 'node:worker_threads';
    import init, { Model } from './model/model.js';${DECIDE}
    parentPort.postMessage(probability);`);
  const worker = new Worker(file);
  const probability = await new Promise((done, fail) => worker.on('message', done).on('error', fail));
  assert.equal(probability, await inNode());
  await worker.terminate();
});

test('a page and a module Worker of it do', async () => {
  writeFileSync(join(folder, 'worker.js'), `import init, { Model } from './model/model.js';${DECIDE}
    postMessage(probability);`);
  writeFileSync(join(folder, 'index.html'), `<!doctype html><link rel="icon" href="data:,"><script type="module">
    import init, { Model } from './model/model.js';${DECIDE}
    const worker = new Worker('worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => { document.title = JSON.stringify([probability, data]); };
  </script>`);
  const server = createServer((request, response) => {
    const path = join(folder, request.url === '/' ? 'index.html' : request.url);
    response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream');
    try { response.end(readFileSync(path)); } catch { response.writeHead(404).end(); }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' });
  try {
    const page = await browser.newPage();
    const problems = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (line) => problems.push(line.text()));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction(() => document.title !== '');
    const expected = await inNode();
    assert.deepEqual(JSON.parse(await page.title()), [expected, expected]);
    assert.deepEqual(problems, []);
  } finally {
    await browser.close();
    server.close();
  }
});

test('the types are those of the module, and the default export is declared', () => {
  const types = readFileSync(join(folder, 'model/model.d.ts'), 'utf8');
  assert.ok(types.startsWith(readFileSync(join(ROOT, 'model-wasm/src/model.d.ts'), 'utf8')));
  assert.match(types, /export default function/);
});
