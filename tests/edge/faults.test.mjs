// What the Worker answers when the module, not the client, is at fault.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startWorker, testModel } from "./worker.mjs";

const folder = mkdtempSync(join(tmpdir(), "underwrite-faults-"));
after(() => rmSync(folder, { recursive: true }));

const POST = (body) => ({ method: "POST", headers: { "content-type": "application/json" }, body });
const json = (answer) => JSON.parse(answer.body);

function written(name, bytes) {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** The test model with one byte of its artifact changed; the seal says where that is. */
function altered() {
  const bytes = readFileSync(testModel());
  const seal = bytes.subarray(-56);
  const middle = seal.readBigUInt64LE(0) + seal.readBigUInt64LE(8) / 2n;
  bytes[Number(middle)] ^= 0x40;
  return written("altered.wasm", bytes);
}

describe("a broken artifact", () => {
  let worker;
  before(async () => {
    worker = await startWorker(altered());
  });
  after(() => worker?.stop());

  test("is named by 503, and the Worker runs on", async () => {
    const predict = await worker.ask("/predict", POST("{}"));
    assert.equal(predict.status, 503);
    const { detail } = json(predict);
    assert.match(detail, /digest|damaged|altered/i);

    const health = await worker.ask("/health");
    assert.equal(health.status, 503);
    assert.deepEqual(json(health), { status: "unhealthy", model_loaded: false, detail });

    const root = await worker.ask("/");
    assert.equal(root.status, 200);
    assert.deepEqual(json(root), { status: "ok", model_loaded: false });
  });
});

/** A module that traps on the word "trap": (func (export "trap") unreachable), and glue for it. */
function trapping() {
  const wasm = Buffer.from("0061736d01000000010401600000030201000708010474726170" + "00000a05010300000b", "hex");
  const glue = `
    let wasm;
    export function initSync({ module }) { wasm = new WebAssembly.Instance(module).exports; }
    export class Model {
      describe() { return { model: { name: "m", version: "1", digest: "sha256:00" }, features: [] }; }
      get status() { return 200; }
      decide(request) {
        if (new TextDecoder().decode(request).includes("trap")) { this.broken = true; wasm.trap(); }
        if (this.broken) throw new Error("used after a trap");
        return new TextEncoder().encode('{"prediction":1}');
      }
    }`;
  const name = Buffer.from("underwrite.glue");
  const section = Buffer.concat([leb(name.length), name, Buffer.from(glue)]);
  return written("trapping.wasm", Buffer.concat([wasm, leb(0), leb(section.length), section]));
}

function leb(value) {
  const rest = value >> 7;
  return rest ? Buffer.concat([Buffer.from([(value & 127) | 128]), leb(rest)]) : Buffer.from([value]);
}

describe("a trap in the module", () => {
  let worker;
  before(async () => {
    worker = await startWorker(trapping());
  });
  after(() => worker?.stop());

  test("costs one request, is logged by its id, and no more", async () => {
    const { status: earlier } = await worker.ask("/predict", POST("{}"));
    assert.equal(earlier, 200);

    const trapped = await worker.ask("/predict", POST('{"secret":"trap"}'));
    assert.equal(trapped.status, 500);
    const id = trapped.headers.get("x-request-id");
    assert.deepEqual(json(trapped), {
      detail: `The model failed on this request; the server has logged it as ${id}`,
    });
    assert.deepEqual(worker.log, [`request ${id}: the module failed: RuntimeError`]);

    const { status: later } = await worker.ask("/predict", POST("{}"));
    assert.equal(later, 200);
  });

  test("leaves the requests beside it alone", async () => {
    const bodies = Array.from({ length: 40 }, (_, i) => (i % 4 ? "{}" : '{"secret":"trap"}'));
    const answers = await Promise.all(bodies.map((body) => worker.ask("/predict", POST(body))));
    const expected = bodies.map((body) => (body === "{}" ? 200 : 500));
    assert.deepEqual(answers.map(({ status }) => status), expected);
  });
});
