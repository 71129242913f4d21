// The package as it is installed: in Node, in the types, and through a bundler.
//
//   UNDERWRITE_TEST_MODEL=model.wasm ESBUILD=esbuild node --test package.test.mjs
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const folder = process.env.UNDERWRITE_NPM_PROJECT;
const wasm = readFileSync(process.env.UNDERWRITE_TEST_MODEL);
const entry = createRequire(join(folder, "package.json")).resolve("underwrite");
const { Model, Refused } = await import(pathToFileURL(entry));
const model = await Model.load(wasm);
const example = Object.fromEntries(
  model.describe().features
    .filter(({ role, example, categories }) => role === "input" && (example !== undefined || categories))
    .map(({ name, example, categories }) => [name, example ?? categories[0].value]),
);

test("decides and explains", () => {
  const decision = model.decide(example);
  assert.ok(decision.probability >= 0 && decision.probability <= 1);
  const explanation = model.explain(example, { recourse: true });
  assert.deepEqual(explanation.decision.probability, decision.probability);
  const { status, body } = model.decideBytes(new TextEncoder().encode(JSON.stringify(example)));
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(body)), decision);
});

test("names what is refused", () => {
  const misspelt = { ...example, person_incom: 1 };
  assert.throws(() => model.decide(misspelt), (error) => {
    assert.ok(error instanceof Refused);
    assert.equal(error.status, 422);
    assert.match(error.message, /person_incom: .*did you mean 'person_income'/);
    return true;
  });
});

test("refuses an infinite number, which JSON cannot say", () => {
  const number = model.describe().features.find(({ role, type, missing }) => role === "input" && type === "number" && missing === "impute");
  const refusal = (error) => {
    assert.ok(error instanceof Refused);
    assert.equal(error.status, 422);
    assert.deepEqual(error.detail.map(({ type, loc }) => [type, loc.at(-1)]), [["finite_number", number.name]]);
    return true;
  };
  for (const value of [Infinity, -Infinity, 1 / 0, 1e400, Object(Infinity)]) {
    const application = { ...example, [number.name]: value };
    assert.throws(() => model.decide(application), refusal);
    assert.throws(() => model.explain(application, { recourse: null }), refusal);
    // It is counted as invalid, not as missing.
    assert.notDeepEqual(model.sketch([application]), model.sketch([{ ...example, [number.name]: null }]));
  }
  const missing = model.decide({ ...example, [number.name]: null });
  assert.deepEqual(missing.adjustments.map(({ feature, kind }) => [feature, kind]), [[number.name, "missing"]]);
  assert.deepEqual(model.decide({ ...example, [number.name]: NaN }), missing);
});

test("scores a batch and sketches it", () => {
  const inputs = model.describe().features.filter(({ role }) => role === "input");
  const code = ({ name, categories, type }) =>
    categories ? categories.findIndex(({ value }) => value === example[name])
      : type === "boolean" ? Number(example[name]) : example[name] ?? NaN;
  const columns = Float64Array.from(inputs.flatMap((feature) => [code(feature), code(feature)]));
  const { probability } = model.decide(example);
  assert.deepEqual([...model.batch(columns, 2)], [probability, probability]);
  assert.throws(() => model.batch(columns, 3), RangeError);
  assert.equal(new TextDecoder().decode(model.sketch([example, example]).slice(0, 7)), "UWDRIFT");
});

test("refuses what is no model", async () => {
  await assert.rejects(Model.load(new Uint8Array([1, 2, 3])), WebAssembly.CompileError);
  const empty = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  await assert.rejects(Model.load(empty), /expected a model.wasm/);
});

test("a file that is no model changes nothing outside itself", async () => {
  // Imports the function `toJSON` from `__proto__`.
  const section = (id, ...bytes) => [id, bytes.length, ...bytes];
  const text = (name) => [name.length, ...Buffer.from(name)];
  const module = Uint8Array.of(
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, 1, 0x60, 0, 0),
    ...section(2, 1, ...text("__proto__"), ...text("toJSON"), 0, 0),
  );
  await assert.rejects(Model.load(module));
  assert.equal({}.toJSON, undefined);
  assert.equal(JSON.stringify({ a: 1 }), '{"a":1}');
});

test("is bundled, and fetches its model", async () => {
  const source = join(folder, "app.js");
  writeFileSync(source, `
    import { Model } from "underwrite";
    const model = await Model.load(process.argv[2]);
    console.log(model.decide(JSON.parse(process.argv[3])).probability);
  `);
  const bundle = join(folder, "bundle.mjs");
  execFileSync(process.env.ESBUILD, [source, "--bundle", "--minify", "--format=esm", "--platform=neutral", "--main-fields=module,main", `--outfile=${bundle}`]);
  const server = createServer((_, response) => response.end(wasm)).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const address = `http://127.0.0.1:${server.address().port}/model.wasm`;
    const { execFile } = await import("node:child_process");
    const printed = await new Promise((resolve, reject) => {
      execFile(process.execPath, [bundle, address, JSON.stringify(example)], (error, out) => (error ? reject(error) : resolve(out)));
    });
    assert.equal(Number(printed), model.decide(example).probability);
  } finally {
    server.close();
  }
  assert.ok(readFileSync(bundle).length < 8_000, "the package is small when bundled");
});
