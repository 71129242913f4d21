// Measures the Worker; prints one JSON object:
//
//   node edge/measure.mjs
//
// upload_gzip_bytes   what `wrangler deploy` would send, gzipped
// start_ms            from "load entry.mjs" to "ready to decide" in workerd: compiling both
//                     WebAssembly files, instantiating them, opening the model
// first_decision_ms, later_decision_ms   one request over loopback, after that
//
// Each is the least of some fresh workerd processes: whatever else the machine does only adds.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Miniflare } from "miniflare";
import { modelIn } from "../conformance/cases.mjs";
import { ask, COMPATIBILITY_DATE, exampleOf, MODULES, staged, testModel } from "./worker.mjs";

const STARTS = 9;
const DECISIONS = 200;
// Loads the Worker when asked to, not while workerd starts, so that it can be timed.
const LATE_ENTRY = `
import { WorkerEntrypoint } from "cloudflare:workers";
export default class extends WorkerEntrypoint {
  async fetch(request) {
    if (new URL(request.url).pathname === "/nothing") return new Response();
    const { default: Worker } = await import("./entry.mjs");
    if (new URL(request.url).pathname === "/load") return new Response();
    return new Worker(this.ctx, this.env).fetch(request);
  }
}`;

const folder = join(staged(testModel()), "target/edge");
const example = JSON.stringify(exampleOf(await modelIn(testModel())));
const samples = [];
for (let start = 0; start < STARTS; start += 1) samples.push(await sample());
const least = Object.keys(samples[0]).map((key) => [key, Math.min(...samples.map((one) => one[key]))]);
console.log(JSON.stringify({ upload_gzip_bytes: uploadSize(), ...Object.fromEntries(least) }));
rmSync(join(folder, "../.."), { recursive: true });

async function sample() {
  const files = Object.entries(MODULES).map(([file, type]) => ({ type, path: join(folder, file) }));
  const late = { type: "ESModule", path: join(folder, "late.mjs"), contents: LATE_ENTRY };
  const settings = { cf: false, compatibilityDate: COMPATIBILITY_DATE, modulesRoot: folder };
  const miniflare = new Miniflare({ ...settings, modules: [late, ...files] });
  const url = await miniflare.ready;
  try {
    const nothing = await timed(20, () => ask(new URL("/nothing", url)));
    const load = await timed(1, () => ask(new URL("/load", url)));
    const decide = () => ask(new URL("/predict", url), { method: "POST", headers: { "content-type": "application/json" }, body: example });
    const first = await timed(1, decide);
    return {
      start_ms: Number((load - nothing).toFixed(3)),
      first_decision_ms: first,
      later_decision_ms: await timed(DECISIONS, decide),
    };
  } finally {
    await miniflare.dispose();
  }
}

/** Milliseconds of one call, the median of so many. */
async function timed(times, call) {
  const took = [];
  for (let time = 0; time < times; time += 1) {
    const begin = performance.now();
    const { status, body } = await call();
    took.push(performance.now() - begin);
    if (status !== 200) throw new Error(`the Worker answered ${status}: ${body}`);
  }
  return median(took);
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return Number(sorted[sorted.length >> 1].toFixed(3));
}

function uploadSize() {
  const files = Object.keys(MODULES).map((file) => readFileSync(join(folder, file)));
  return gzipSync(Buffer.concat(files)).length;
}
