/**
 * What the page tests share: the real server, a static host, a browser and a page that reports what it sent.
 *
 * UNDERWRITE_TEST_MODEL is the model.wasm to serve, UNDERWRITE_TEST_MODELS_DIR a folder with loan.wasm, points.wasm
 * and german_credit.wasm, UNDERWRITE_BIN the server (default: target/release/underwrite), UNDERWRITE_PAGE_DIR the page's
 * files for the static host (default: web), CHROMIUM the browser.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createSocket } from 'node:net';
import { extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WEB = process.env.UNDERWRITE_PAGE_DIR ?? join(ROOT, 'web');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.wasm': 'application/wasm',
};

/** The policy the server must send. */
export const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; "
  + "connect-src 'self'; worker-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/** The path of the model under test. */
export function testModel() {
  return existing(process.env.UNDERWRITE_TEST_MODEL ?? join(modelsDirectory(), 'loan.wasm'), 'set UNDERWRITE_TEST_MODEL to a model.wasm');
}

/** The paths of the three shipped models. */
export function testModels() {
  return ['loan', 'points', 'german_credit'].map((name) => ({
    name, path: existing(join(modelsDirectory(), `${name}.wasm`), 'set UNDERWRITE_TEST_MODELS_DIR to a folder with loan.wasm, points.wasm and german_credit.wasm'),
  }));
}

function modelsDirectory() {
  return process.env.UNDERWRITE_TEST_MODELS_DIR ?? join(ROOT, 'target/test-models');
}

function existing(path, advice) {
  if (!existsSync(path)) throw new Error(`There is no ${path}: ${advice}`);
  return resolve(path);
}

/** The program under test. */
export function testProgram() {
  return existing(process.env.UNDERWRITE_BIN ?? join(ROOT, 'target/release/underwrite'), 'run `cargo xtask build`, or set UNDERWRITE_BIN');
}

/**
 * Serves the page with `underwrite serve`; resolves when it answers, throws what it said when it ends instead.
 * @param {string[]} more further flags
 */
export async function startServer(model, more = []) {
  const port = await freePort();
  const args = ['serve', '--model', model, '--host', '127.0.0.1', '--port', String(port), ...more];
  const child = spawn(testProgram(), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { said += chunk; });
  const ended = new Promise((done) => child.on('exit', done));
  const url = `http://127.0.0.1:${port}/`;
  await answers(url, child, () => said);
  return { url, close: async () => { child.kill(); await ended; } };
}

async function freePort() {
  const socket = createSocket();
  await new Promise((done) => socket.listen(0, '127.0.0.1', done));
  const { port } = socket.address();
  await new Promise((done) => socket.close(done));
  return port;
}

async function answers(url, child, said) {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The server ended with exit code ${child.exitCode}:\n${said()}`);
    const response = await fetch(`${url}health`).catch(() => null);
    if (response?.ok) return;
    await new Promise((done) => setTimeout(done, 50));
  }
}

/**
 * Serves the page's files and a model as any static host does: no header of ours, under a path of its own.
 * @param {Record<string, Buffer | string | null>} replaced contents by file name; null is a file that is not there
 */
export async function startStatic(model, replaced = {}) {
  const bytes = await readFile(model);
  const originals = { 'model.wasm': bytes, 'model.js': await glueOf(bytes) };
  const files = { ...originals, ...replaced };
  const server = createServer(async (request, response) => {
    const name = new URL(request.url, 'http://host').pathname.replace(/^\/some\/where\//, '') || 'index.html';
    const body = name in files ? files[name] : await readFile(join(WEB, name)).catch(() => null);
    if (body === null) return response.writeHead(404).end('Not Found');
    return response.writeHead(200, { 'content-type': TYPES[extname(name)] }).end(body);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const close = () => new Promise((done) => { server.close(done); server.closeAllConnections(); });
  return { url: `http://127.0.0.1:${server.address().port}/some/where/`, files, originals, close };
}

/** The JavaScript that a model.wasm carries in its custom section `underwrite.glue`. */
async function glueOf(bytes) {
  const [glue] = WebAssembly.Module.customSections(await WebAssembly.compile(bytes), 'underwrite.glue');
  if (!glue) throw new Error('The model has no section underwrite.glue');
  return Buffer.from(glue);
}

/** @returns {Promise<import('playwright-core').Browser>} */
export function openBrowser() {
  return chromium.launch({ executablePath: existing(CHROMIUM, 'install Chromium, or set CHROMIUM to where it is'), args: ['--no-sandbox'] });
}

/**
 * Opens the page and waits for the first decision, or for the failure message.
 * @returns the Playwright page, the addresses it asked for, and what the console complained about
 */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  await page.addInitScript(() => {
    globalThis.violations = [];
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => violations.push(`${violatedDirective} ${blockedURI}`));
    // A field's ring is drawn around the box it stands in.
    globalThis.outlined = (element) => [element, element.parentElement].some((one) => getComputedStyle(one).outlineStyle !== 'none');
  });
  const requests = [];
  const complaints = [];
  context.on('request', (request) => requests.push(`${request.method()} ${request.url()}`));
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(String(error)));
  const response = await page.goto(url);
  await page.locator('#ready, #failure').locator('visible=true').waitFor();
  // What the page keeps for the time without a network it asks for once, beside its own loading.
  await page.locator('html[data-offline=ready]').waitFor({ state: 'attached' });
  return { context, page, requests, complaints, response };
}

/** What a model.wasm says about itself, asked here and not in the page. */
export async function describe(model) {
  const bytes = await readFile(model);
  // The glue holds one module, and the same text is one import: the path makes it another.
  const source = `${await glueOf(bytes)}\n// ${model}`;
  const glue = await import(`data:text/javascript;base64,${Buffer.from(source).toString('base64')}`);
  await glue.default({ module_or_path: new Response(bytes, { headers: { 'content-type': 'application/wasm' } }) });
  return new glue.Model().describe();
}

/** The features that the form must have, in its order; derived ones are computed, not asked for. */
export function shownFeatures({ features }) {
  const ofRole = (role) => features.filter((feature) => feature.role === role && !feature.derived);
  return [...ofRole('input'), ...ofRole('protected')];
}

export const isChoice = ({ type }) => type === 'boolean' || type === 'category';

/** Asks the real server, from the test and not from the page. */
export async function predict(url, request) {
  const body = typeof request === 'string' ? request : JSON.stringify(request);
  const response = await fetch(`${url}predict`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return { status: response.status, answer: await response.json() };
}

/** The decision as the page shows it. */
export function shownDecision(page) {
  return page.evaluate(() => ({
    label: document.getElementById('verdict').textContent,
    probability: document.getElementById('probability').getAttribute('value'),
    threshold: document.getElementById('threshold').getAttribute('value'),
    notes: [...document.querySelectorAll('#notes li')].map((note) => note.textContent),
  }));
}

/** What the page asks its model right now: the JSON text for developers. */
export function shownRequest(page) {
  return page.locator('#request').textContent();
}

/** Waits until the page has answered the application that it shows, errors and announcement included. */
export async function settled(page, pattern) {
  await page.waitForFunction(
    (source) => new RegExp(source).test(document.getElementById('announcement').textContent), pattern.source);
}
