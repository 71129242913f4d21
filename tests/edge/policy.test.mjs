// A model with lending rules and derived fields, in workerd: the golden files of format 3.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { modelIn } from "../conformance/cases.mjs";
import { opened, ROOT, startWorker } from "./worker.mjs";

const GOLDEN = join(ROOT, "tests/golden/format-3");
const MODEL = join(GOLDEN, "model.wasm");
let worker;

before(async () => {
  worker = await startWorker(MODEL);
});

after(() => worker?.stop());

const lines = (file) => readFileSync(join(GOLDEN, file), "latin1").trimEnd().split("\n");

test("every golden request gets the golden bytes", async () => {
  const [cases, answers] = [lines("cases.ndjson"), lines("answers.ndjson")];
  assert.equal(cases.length, answers.length);
  const outcomes = new Set();
  for (const [nth, request] of cases.entries()) {
    const body = Buffer.from(request, "latin1");
    const answer = await worker.ask("/predict", { method: "POST", body });
    const got = answer.status === 200 ? opened(answer.body).decision : answer.body;
    assert.equal(got.toString("latin1"), answers[nth], `line ${nth + 1}`);
    if (answer.status === 200) outcomes.add(JSON.parse(answer.body).outcome);
  }
  assert.deepEqual([...outcomes].sort(), ["approve", "decline", "refer"]);
});

test("/ and /health name the model and say nothing of its policy", async () => {
  const { model, policy } = (await modelIn(MODEL)).describe();
  assert.ok(policy);
  const { name, version, digest } = model;
  for (const path of ["/", "/health"]) {
    const answer = await worker.ask(path);
    assert.equal(answer.status, 200);
    const body = JSON.parse(answer.body);
    assert.deepEqual(body.model, { name, version, digest });
    assert.ok(!("policy" in body));
  }
});
