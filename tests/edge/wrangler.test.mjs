// The shipped wrangler.toml under `wrangler dev --local`: the API and the page.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { modelIn } from "../conformance/cases.mjs";
import { ask, COMPATIBILITY_DATE, exampleOf, opened, ROOT, staged, testModel } from "./worker.mjs";

const START_LIMIT_MS = 60_000;
let folder;
let wrangler;
let address;
let output = "";

before(async () => {
  folder = staged(testModel());
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  const program = join(ROOT, "tests/node_modules/wrangler/bin/wrangler.js");
  const options = ["--local", "--ip", "127.0.0.1", "--port", port, "--inspector-port", "0"];
  wrangler = spawn(process.execPath, [program, "dev", ...options.map(String)], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false" },
  });
  for (const stream of [wrangler.stdout, wrangler.stderr]) {
    stream.on("data", (text) => (output += text));
  }
  await ready();
});

after(async () => {
  if (wrangler?.exitCode === null) {
    wrangler.kill("SIGINT");
    await once(wrangler, "exit");
  }
  if (folder) rmSync(folder, { recursive: true });
});

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

async function ready() {
  const limit = Date.now() + START_LIMIT_MS;
  while (Date.now() < limit && wrangler.exitCode === null) {
    const answer = await ask(`${address}/health`).catch(() => null);
    if (answer?.status === 200) return;
    await new Promise((later) => setTimeout(later, 100));
  }
  throw new Error(`wrangler dev did not start:\n${output}`);
}

test("the tests run on the date that wrangler.toml has", () => {
  const settings = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
  assert.match(settings, new RegExp(`^compatibility_date = "${COMPATIBILITY_DATE}"$`, "m"));
});

describe("wrangler dev", () => {
  test("decides", async () => {
    const model = await modelIn(testModel());
    const body = Buffer.from(JSON.stringify(exampleOf(model)));
    const expected = Buffer.from(model.decide(body));
    const headers = { "content-type": "application/json" };
    const answer = await ask(`${address}/predict`, { method: "POST", headers, body });
    assert.equal(answer.status, model.status, answer.body.toString());
    assert.ok(opened(answer.body).decision.equals(expected), answer.body.toString());
  });

  test("serves the model that it decides with", async () => {
    const { status, body } = await ask(`${address}/model.wasm`);
    assert.equal(status, 200);
    assert.ok(body.equals(readFileSync(testModel())));
  });

  for (const [accept, type] of [
    ["*/*", "application/json"],
    ["application/json", "application/json"],
    ["text/html;q=0.5, application/json", "application/json"],
    ["text/*;q=0.1", "text/html; charset=utf-8"],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"],
  ]) {
    test(`GET / with accept: ${accept} is ${type}`, async () => {
      const answer = await ask(address, { headers: { accept } });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-type"), type);
      assert.match(answer.headers.get("content-security-policy"), /default-src 'none'/);
      assert.equal(answer.headers.get("vary"), "accept");
    });
  }

  for (const path of ["/", "/app.js", "/model.wasm"]) {
    test(`${path} is named by a request id`, async () => {
      const named = { accept: "text/html", "x-request-id": "order-17" };
      for (const method of ["GET", "HEAD"]) {
        const answer = await ask(address + path, { method, headers: named });
        assert.equal(answer.status, 200);
        assert.doesNotMatch(answer.headers.get("content-type"), /json/);
        assert.equal(answer.headers.get("x-request-id"), "order-17");
        assert.match(answer.headers.get("content-security-policy"), /default-src 'none'/);
      }
      const { headers } = await ask(address + path, { headers: { accept: "text/html" } });
      assert.match(headers.get("x-request-id"), /^[0-9a-f-]{36}$/);
      const again = { accept: "text/html", "if-none-match": headers.get("etag") };
      assert.equal((await ask(address + path, { headers: again })).status, 304);
    });
  }

  test("a browser gets the page, and the page decides as the Worker does", async () => {
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium" });
    try {
      const page = await browser.newPage();
      const complaints = [];
      page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      await page.goto(address);
      await page.locator("#ready").waitFor({ state: "visible" });
      const body = await page.locator("#request").textContent();
      const shown = JSON.parse(await page.locator("#answer").textContent());
      const headers = { "content-type": "application/json" };
      const answer = await ask(`${address}/predict`, { method: "POST", headers, body });
      assert.deepEqual(JSON.parse(opened(answer.body).decision), shown);
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
  });
});
