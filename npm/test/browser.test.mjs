// The package in a page: bundled for browsers, opened in Chromium under the content security policy
// that the README names, and asked what Node is asked.
//
//   UNDERWRITE_NPM_PROJECT=folder UNDERWRITE_TEST_MODEL=model.wasm ESBUILD=esbuild CHROMIUM=chromium node --test browser.test.mjs
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

const folder = process.env.UNDERWRITE_NPM_PROJECT;
const wasm = readFileSync(process.env.UNDERWRITE_TEST_MODEL);
const { Model } = await import(pathToFileURL(createRequire(join(folder, "package.json")).resolve("underwrite")));
// The browser is driven by what the page's tests are driven by.
const { chromium } = createRequire(new URL("../../tests/package.json", import.meta.url))("playwright-core");
const model = await Model.load(wasm);
const example = Object.fromEntries(
  model.describe().features
    .filter(({ role, example, categories }) => role === "input" && (example !== undefined || categories))
    .map(({ name, example, categories }) => [name, example ?? categories[0].value]),
);
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
const FILES = {
  "/": ["text/html", () => '<!doctype html><title>underwrite</title><script type="module" src="/app.js"></script>'],
  "/app.js": ["text/javascript", () => readFileSync(join(folder, "app.bundle.js"))],
  "/model.wasm": ["application/wasm", () => wasm],
};

let browser;
let server;
const asked = [];

before(async () => {
  const source = join(folder, "app.browser.js");
  writeFileSync(source, 'import { Model, Refused } from "underwrite";\nglobalThis.loaded = Model.load("/model.wasm");\nglobalThis.Refused = Refused;\n');
  execFileSync(process.env.ESBUILD, [source, "--bundle", "--minify", "--format=esm", "--platform=browser", `--outfile=${join(folder, "app.bundle.js")}`]);
  server = createServer(({ url }, response) => {
    asked.push(url);
    const [type, body] = FILES[url] ?? ["text/plain", null];
    if (body === null) return response.writeHead(404).end();
    return response.writeHead(200, { "content-type": type, "content-security-policy": POLICY }).end(body());
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
});

after(async () => {
  await browser?.close();
  server?.close();
});

test("decides, explains and refuses in a browser as in Node", async () => {
  const page = await browser.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("favicon")) complaints.push(message.text());
  });
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const answers = await page.evaluate(async (application) => {
    const here = await globalThis.loaded;
    const request = new TextEncoder().encode(JSON.stringify(application));
    const { status, body } = here.decideBytes(request);
    let refused;
    try {
      here.decide({ ...application, person_incom: 1 });
    } catch (error) {
      refused = { named: error instanceof globalThis.Refused, status: error.status, detail: error.detail };
    }
    return {
      status,
      bytes: new TextDecoder().decode(body),
      explanation: here.explain(application, { recourse: true }),
      sketch: [...here.sketch([application])],
      refused,
    };
  }, example);
  const node = model.decideBytes(new TextEncoder().encode(JSON.stringify(example)));
  assert.equal(answers.status, 200);
  assert.equal(answers.bytes, new TextDecoder().decode(node.body), "the same bytes as in Node");
  assert.deepEqual(answers.explanation, JSON.parse(JSON.stringify(model.explain(example, { recourse: true }))));
  assert.deepEqual(answers.sketch, [...model.sketch([example])]);
  assert.equal(answers.refused.named, true);
  assert.equal(answers.refused.status, 422);
  assert.match(answers.refused.detail[0].msg, /person_income/);
  assert.deepEqual(complaints.filter((text) => !text.includes("404")), []);
  const known = [...Object.keys(FILES), "/favicon.ico"];
  assert.deepEqual(asked.filter((url) => !known.includes(url)), [], "nothing else is asked for");
});
