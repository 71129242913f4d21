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

// A module with the plain exports that traps on a request that begins with "t", and, as a
// real one may, on every call after that:
//
//   (func (export "abi_decide") (param i32 i32) (result i64)
//     (if (global.get $broken) (then unreachable))
//     (global.set $broken (i32.const 1))
//     (if (i32.eq (i32.load8_u (local.get 0)) (i32.const 116)) (then unreachable))
//     (global.set $broken (i32.const 0))
//     (i64.const 0x20000000010))            ;; {"prediction":1}, 16 bytes at 512
const TRAPPING =
  "AGFzbQEAAAABGQVgAAF+YAF/AX9gAn9/AGAAAX9gAn9/AX4DBwYBAgAAAwQFAwEAAQYGAX8BQQALB1UHBm1lbW9y" +
  "eQIACWFiaV9hbGxvYwAACGFiaV9mcmVlAAEIYWJpX2xvYWQAAgxhYmlfZGVzY3JpYmUAAwphYmlfc3RhdHVzAAQK" +
  "YWJpX2RlY2lkZQAFCkEGBQBBgAgLAgALBABCAAsFAELHAAsFAEHIAQslACMABEAAC0EBJAAgAC0AAEH0AEYEQAAL" +
  "QQAkAEKQgICAgMAACwtjAgBBAAtHeyJtb2RlbCI6eyJuYW1lIjoibSIsInZlcnNpb24iOiIxIiwiZGlnZXN0Ijoi" +
  "c2hhMjU2OjAwIn0sImZlYXR1cmVzIjpbXX0AQYAECxB7InByZWRpY3Rpb24iOjF9";

/** The same, with glue, so that it can be staged. */
function trapping() {
  const section = Buffer.from("\u000funderwrite.glue" + "export {};");
  const head = Buffer.from([0, section.length]); // a custom section
  return written("trapping.wasm", Buffer.concat([Buffer.from(TRAPPING, "base64"), head, section]));
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

    const trapped = await worker.ask("/predict", POST("the secret"));
    assert.equal(trapped.status, 500);
    const id = trapped.headers.get("x-request-id");
    assert.deepEqual(json(trapped), {
      detail: `The model failed on this request; the server logged the reason under request id ${id}`,
    });
    assert.deepEqual(worker.log, [`request ${id} failed: the module threw RuntimeError`]);

    const { status: later } = await worker.ask("/predict", POST("{}"));
    assert.equal(later, 200);
  });

  test("leaves the requests beside it alone", async () => {
    const bodies = Array.from({ length: 40 }, (_, i) => (i % 4 ? "{}" : "the secret"));
    const answers = await Promise.all(bodies.map((body) => worker.ask("/predict", POST(body))));
    const expected = bodies.map((body) => (body === "{}" ? 200 : 500));
    assert.deepEqual(answers.map(({ status }) => status), expected);
  });
});
