// The Worker as the tests run it: staged into a folder of its own, in workerd.
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { stage } from "../../edge-worker/stage.mjs";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const COMPATIBILITY_DATE = "2026-04-01";
export const MODULES = {
  "entry.mjs": "ESModule",
  "module.mjs": "ESModule",
  "index.js": "ESModule",
  "index_bg.wasm": "CompiledWasm",
  "model.wasm": "CompiledWasm",
};

/** The model that the tests decide with. */
export function testModel() {
  const path = process.env.UNDERWRITE_TEST_MODEL ?? join(ROOT, "target/demo/model.wasm");
  return present(path, "run `cargo xtask test`, or set UNDERWRITE_TEST_MODEL to a model.wasm");
}

/** A folder with the built Worker, the page and this model, as `wrangler` wants them; remove it after use. */
export function staged(modelPath) {
  const edge = process.env.UNDERWRITE_EDGE_DIR ?? join(ROOT, "target/edge");
  const page = process.env.UNDERWRITE_PAGE_DIR ?? join(ROOT, "target/page");
  const folder = mkdtempSync(join(tmpdir(), "underwrite-edge-"));
  for (const file of ["index.js", "index_bg.wasm"]) {
    cpSync(present(join(edge, file), "run `cargo xtask build`"), join(folder, "target/edge", file));
  }
  cpSync(present(page, "run `cargo xtask build`"), join(folder, "target/page"), { recursive: true });
  cpSync(join(ROOT, "wrangler.toml"), join(folder, "wrangler.toml"));
  stage(modelPath, join(folder, "target/edge"));
  return folder;
}

/** Starts the Worker with this model and these secrets; `log` collects what it prints. */
export async function startWorker(modelPath, bindings = {}) {
  const folder = staged(modelPath);
  const edge = join(folder, "target/edge");
  const log = [];
  const miniflare = new Miniflare({
    cf: false,
    bindings,
    compatibilityDate: COMPATIBILITY_DATE,
    modulesRoot: edge,
    modules: Object.entries(MODULES).map(([file, type]) => ({ type, path: join(edge, file) })),
    handleStructuredLogs({ message }) {
      log.push(message);
    },
  });
  const url = await miniflare.ready;
  return {
    url,
    log,
    ask: (path, init) => ask(new URL(path, url), init),
    async stop() {
      await miniflare.dispose();
      rmSync(folder, { recursive: true });
    },
  };
}

/** An application made of the schema's examples. */
export function exampleOf(model) {
  const values = model.describe().features.map(({ name, example, imputed, categories }) => [
    name,
    example ?? categories?.[0]?.value ?? imputed ?? null,
  ]);
  return Object.fromEntries(values);
}

/** One request; the answer with its body as bytes. */
export async function ask(url, init) {
  const response = await fetch(url, init);
  const { status, headers } = response;
  return { status, headers, body: Buffer.from(await response.arrayBuffer()) };
}

const ENVELOPE = /,"latency_seconds":([0-9.e-]+),"request_id":"([^"]+)"\}$/;

/** Takes the envelope off a decision: the module's own bytes, and what the host added. */
export function opened(body) {
  const text = body.toString("latin1"); // one character a byte
  const [all, seconds, requestId] = ENVELOPE.exec(text) ?? [];
  if (!all) throw new Error(`no envelope at the end of ${body}`);
  const decision = Buffer.from(`${text.slice(0, -all.length)}}`, "latin1");
  return { decision, seconds: Number(seconds), requestId };
}

function present(path, remedy) {
  if (!existsSync(path)) throw new Error(`${path} is not there: ${remedy}`);
  return path;
}
