// The JavaScript API in a Web Worker of a page in Chromium; see cases.mjs.
//
// The page comes from this process, under the policy that the real page has. Its
// worker asks for one chunk of cases after another and posts the answers.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { chromium } from "playwright-core";
import { readModel, run } from "./cases.mjs";

const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";
const PAGE = `<!doctype html><title>Conformance</title><script type="module" src="/page.mjs"></script>`;
const PAGE_SCRIPT = `new Worker("/worker.mjs", { type: "module" });`;
const WORKER = `
import init, { Model } from "/model.js";
import { answersTo } from "/frames.mjs";

const post = (path, body) => fetch(path, { method: "POST", body });
try {
  await init({ module_or_path: fetch("/model.wasm") });
  const model = new Model();
  for (;;) {
    const chunk = await (await fetch("/cases")).bytes();
    await post("/answers", answersTo(chunk, model));
  }
} catch (error) {
  await post("/failure", String(error));
}
`;

/** Hands one chunk at a time to the worker that asks for it, and its answers back. */
class Exchange {
  #asking = deferred();
  #answering = deferred();
  #failing = deferred();

  async answer(chunk) {
    this.#answering = deferred();
    const response = await Promise.race([this.#asking.promise, this.#failing.promise]);
    this.#asking = deferred();
    response.end(chunk);
    return Promise.race([this.#answering.promise, this.#failing.promise]);
  }

  asked(response) {
    this.#asking.resolve(response);
  }

  answered(answers) {
    this.#answering.resolve(answers);
  }

  fail(reason) {
    this.#failing.promise.catch(() => {}); // reported by the next `answer`
    this.#failing.reject(new Error(`Chromium failed: ${reason}`));
  }
}

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

async function serve(exchange, files) {
  const server = createServer(async (request, response) => {
    const [type, content] = files[request.url] ?? ["application/octet-stream"];
    response.writeHead(200, { "content-type": type, "content-security-policy": POLICY });
    if (request.url === "/cases") return exchange.asked(response);
    const body = await buffer(request);
    if (request.url === "/answers") exchange.answered(body);
    if (request.url === "/failure") exchange.fail(body);
    response.end(content);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}

await run(async (modelPath) => {
  const { bytes, glue } = readModel(modelPath);
  const frames = readFileSync(new URL("frames.mjs", import.meta.url));
  const exchange = new Exchange();
  const server = await serve(exchange, {
    "/": ["text/html", PAGE],
    "/page.mjs": ["text/javascript", PAGE_SCRIPT],
    "/worker.mjs": ["text/javascript", WORKER],
    "/frames.mjs": ["text/javascript", frames],
    "/model.js": ["text/javascript", glue],
    "/model.wasm": ["application/wasm", bytes],
  });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium" });
  const page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && exchange.fail(message.text()));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  return {
    answer: (chunk) => exchange.answer(chunk),
    async close() {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
});
