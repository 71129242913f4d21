/**
 * The plain exports and the JavaScript API of a packed model.wasm, as docs/reference/module-abi.md describes them, called as no
 * host should call them: the module of format 1 that is kept for ever, and the one under test (UNDERWRITE_TEST_MODEL).
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe as suite, test } from 'node:test';

const GOLDEN = new URL('../golden/format-1/', import.meta.url);
const under_test = process.env.UNDERWRITE_TEST_MODEL;
if (!under_test) throw new Error('UNDERWRITE_TEST_MODEL must name a packed model.wasm: run `cargo xtask test`');

for (const [name, path] of [['format 1', new URL('model.wasm', GOLDEN)], ['the model under test', under_test]]) {
  const module = new WebAssembly.Module(readFileSync(path));
  suite(`the plain exports of ${name}`, () => plainExports(module));
  suite(`the JavaScript API of ${name}`, () => javascriptApi(module));
}

test('an infinite number is refused, and not a missing value', async () => {
  const module = new WebAssembly.Module(readFileSync(under_test));
  const [plain, model] = [open(module), await construct(module)];
  const inputs = plain.description.features.filter(({ role }) => role === 'input');
  const example = Object.fromEntries(inputs.map(({ name, example, categories, imputed }) => [name, example ?? categories?.[0].value ?? imputed]));
  const number = inputs.find(({ type, missing, derived }) => type === 'number' && missing !== 'error' && !derived);
  for (const value of [Infinity, -Infinity, Object(Infinity), Object(-Infinity)]) {
    const application = { ...example, [number.name]: value };
    const { detail } = model.predict(application);
    assert.equal(model.status, 422);
    assert.deepEqual(detail.map(({ type, loc }) => [type, loc.at(-1)]), [['finite_number', number.name]]);
    assert.equal(application[number.name], value, 'the application stays as it is');
  }
  const missing = model.predict({ ...example, [number.name]: NaN });
  assert.equal(model.status, 200);
  assert.deepEqual(missing.adjustments.map(({ feature, kind }) => [feature, kind]), [[number.name, 'missing']]);

  // What writes itself is sent as it writes itself, also where a value is missing.
  class Kept {
    #fields;
    constructor(fields) { this.#fields = fields; }
    get note() { return 'not sent'; }
    toJSON() { return this.#fields; }
  }
  const application = { ...example, [number.name]: null };
  const expected = model.predict(application);
  assert.equal(model.status, 200);
  const { name: other } = inputs.find((input) => input !== number);
  const value = { toJSON: () => example[other] };
  for (const same of [new Kept(application), { ...application, toJSON: () => application }, { ...application, [other]: value }])
    assert.deepEqual(model.predict(same), expected);
  model.predict(new Kept({ ...example, [number.name]: Infinity }));
  assert.equal(model.status, 422);
  assert.throws(() => model.predict({ ...application, get broken() { throw new Error('mine'); } }), /cannot be written as JSON/);
  assert.equal(model.predict(application).probability, expected.probability, 'and goes on');
  model.free();
});

test('format 1 gives its answers in Node, by the plain exports and the JavaScript API', async () => {
  const module = new WebAssembly.Module(readFileSync(new URL('model.wasm', GOLDEN)));
  const [plain, model] = [open(module), await construct(module)];
  const [cases, answers] = ['cases.ndjson', 'answers.ndjson'].map((name) => lines(readFileSync(new URL(name, GOLDEN))));
  assert.equal(cases.length, answers.length);
  for (const [index, request] of cases.entries()) {
    const expected = answers[index].toString();
    assert.equal(plain.decide(request).toString(), expected, request.toString());
    assert.equal(Buffer.from(model.decide(request)).toString(), expected, request.toString());
    assert.equal(plain.status(), model.status);
  }
});

function plainExports(module) {
  const plain = open(module);
  const { exports, inputs } = plain;
  const nothing = plain.decide(Buffer.alloc(0)).toString();

  test('describes itself', () => {
    assert.equal(exports.abi_load(), 0n);
    assert.equal(plain.description.abi, exports.abi_version());
  });

  test('reads no request outside its own blocks', () => {
    const block = exports.abi_alloc(4);
    for (const [address, length] of [[0, 1], [block, 5], [block + 1, 4], [block - 1, 1], [-16, 100], [-1, -1], [8, -1]]) {
      assert.equal(plain.unpack(exports.abi_decide(address, length)).toString(), nothing, `${address}, ${length}`);
      assert.equal(plain.status(), 422);
    }
    exports.abi_free(block, 4);
    assert.equal(plain.unpack(exports.abi_decide(block, 4)).toString(), nothing, 'a block that was given back');
  });

  if (exports.abi_sketch) test('sketches no batch outside its own blocks, and none that it cannot read', () => {
    const block = exports.abi_alloc(4);
    for (const [address, length] of [[0, 1], [block, 5], [block - 1, 1], [-1, -1]]) {
      const { detail } = JSON.parse(plain.unpack(exports.abi_sketch(address, length)));
      assert.match(detail, /^There is no application/, `${address}, ${length}`);
      assert.equal(plain.status(), 422);
    }
    exports.abi_free(block, 4);
    for (const [batch, sentence] of [['\n \n', /^There is no/], ['{}\n{', /^Line 2: byte 1: JSON/], ['{}\n\n[]', /^Line 3: Input should be/], ['{"x":1}', /^Line 1: field 'x'/]])
      assert.match(JSON.parse(plain.sketch(Buffer.from(batch))).detail, sentence);
    assert.match(JSON.parse(plain.sketch(Buffer.alloc((16 << 20) + 1))).detail, /16 MiB/);
    assert.equal(plain.status(), 413);
  });

  test('works on no batch outside its own blocks', () => {
    const wrong = -1;
    const row = 8 * inputs;
    const block = exports.abi_alloc(row + 16);
    for (const [columns, rows, out] of [
      [0, 1, 0], [block, 1, block + 8], [block + 4, 1, block + row], [block, 1, block + row + 4], [block, 2, block + row],
      [block, -1, block + row], [block, 0x7fffffff, block + row], [-8, 1, block + row], [block, 1, -8], [block, 1, block + row + 16],
    ]) assert.equal(exports.abi_batch(columns, rows, out), wrong, `${columns}, ${rows}, ${out}`);
    assert.ok([0, 1].includes(exports.abi_batch(block, 1, block + row)), 'apart and inside');
    exports.abi_free(block, row + 16);
  });

  if (exports.abi_columns) test('decides columns of Arrow as a batch, and none outside its own blocks', () => {
    const kinds = plain.description.features.filter((feature) => feature.role === 'input').map((feature) => feature.type);
    const rows = 3000;
    const columns = exports.abi_alloc(inputs * rows * 8) >>> 0;
    const [descriptors, out, batch] = [32 * kinds.length, 13 * rows, 8 * rows].map((length) => exports.abi_alloc(length) >>> 0);
    const values = new Float64Array(exports.memory.buffer, columns, inputs * rows);
    const described = new Uint32Array(exports.memory.buffer, descriptors, 8 * kinds.length);
    for (const [input, kind] of kinds.entries()) {
      const isNumber = kind === 'number' || kind === 'integer';
      for (let row = 0; row < rows; row++) values[input * rows + row] = isNumber && row % 7 ? (row * 37 + input) % 100 : NaN;
      described.set([isNumber ? 3 : 0, rows, 0, 0, columns + 8 * input * rows], 8 * input);
    }
    const refused = exports.abi_batch(columns, rows, batch) >>> 0;
    assert.equal(exports.abi_columns(descriptors, kinds.length, rows, out), BigInt(refused));
    const probabilities = (at) => Buffer.from(new Uint8Array(exports.memory.buffer, at, 8 * rows));
    assert.equal(probabilities(out).compare(probabilities(batch)), 0);
    const detail = (...call) => JSON.parse(plain.unpack(exports.abi_columns(...call))).detail;
    assert.match(detail(descriptors, kinds.length, rows, 8), /in no block/);
    assert.match(detail(8, kinds.length, rows, out), /its description is in no block/);
    assert.match(detail(descriptors, 0, rows, out), /expected \d+ columns, got 0/);
    new Uint32Array(exports.memory.buffer, descriptors, 1)[0] = 99;
    assert.match(detail(descriptors, kinds.length, rows, out), /^column '.+': its type 99 is not known$/);
  });

  test('has no memory to give when there is none, and goes on', () => {
    for (const length of [-1, -16, 0x7fffffff, 0xc0000000 | 0]) {
      const block = exports.abi_alloc(length);
      if (block !== 0) exports.abi_free(block, length);
    }
    exports.abi_free(12345, 77);
    assert.equal(plain.decide(Buffer.alloc(0)).toString(), nothing);
  });

  test('answers a body of ten megabytes with 413, and the next one as ever', () => {
    assert.deepEqual(JSON.parse(plain.decide(Buffer.alloc(10 << 20))), { detail: 'The request is too large: at most 1 MiB' });
    assert.equal(plain.status(), 413);
    assert.equal(plain.decide(Buffer.alloc(0)).toString(), nothing);
  });
}

function javascriptApi(module) {
  const inputs = open(module).inputs;
  const withModel = (check) => async () => {
    const model = await construct(module);
    try { check(model); } finally { model.free(); }
  };

  test('says the same with objects as with bytes', withModel((model) => {
    const { description } = open(module);
    assert.deepEqual(model.describe(), description);
    const example = description.features.filter((feature) => feature.role === 'input')
      .map((feature) => [feature.name, feature.example ?? feature.categories?.[0].value ?? feature.imputed]);
    for (const application of [Object.fromEntries(example), {}, { income: '12', x: [null, { y: 'é\u{1f600}"\\\n' }] }, null, [], 'text', 1, true]) {
      const bytes = model.decide(Buffer.from(JSON.stringify(application)));
      const status = model.status;
      assert.deepEqual(model.predict(application), JSON.parse(Buffer.from(bytes)));
      assert.equal(model.status, status);
    }
  }));

  if (open(module).exports.abi_sketch) test('sketches a batch as the plain exports do', withModel((model) => {
    const plain = open(module);
    for (const [batch, status] of [['{}\n{}', 200], ['', 422]]) {
      assert.equal(Buffer.from(model.sketch(Buffer.from(batch))).compare(plain.sketch(Buffer.from(batch))), 0);
      assert.equal(model.status, status);
      assert.equal(plain.status(), status);
    }
    assert.equal(plain.sketch(Buffer.from('{}')).subarray(0, 7).toString(), 'UWDRIFT');
  }));

  test('throws a sentence for what JSON cannot say', withModel((model) => {
    const cyclic = {};
    cyclic.self = cyclic;
    for (const application of [undefined, () => 1, Symbol('s'), cyclic, { income: 1n }])
      assert.throws(() => model.predict(application), new Error('the application cannot be written as JSON'));
  }));

  test('throws for a batch of a wrong length, without asking for the memory', withModel((model) => {
    const expected = /^Error: expected \d+ inputs of \d+ rows, got \d+ values$/;
    for (const [values, rows] of [[inputs, 0], [inputs, 2], [inputs - 1, 1], [0, 1], [inputs, -1], [inputs, 4e9]])
      assert.throws(() => model.batch(new Float64Array(values), rows), expected);
    assert.equal(model.batch(new Float64Array(0), 0).length, 0);
    const [probability] = model.batch(new Float64Array(inputs).fill(NaN), 1);
    assert.ok(probability === -1 || (probability >= 0 && probability <= 1));
  }));
}

/** An instance and calls of its plain exports; every import is a trap. */
function open(module) {
  const imports = Object.create(null);
  for (const { module: from, name } of WebAssembly.Module.imports(module))
    (imports[from] ??= Object.create(null))[name] = () => { throw new Error(`${name} was called`); };
  const { exports } = new WebAssembly.Instance(module, imports);
  const unpack = (packed) => {
    const bits = BigInt.asUintN(64, packed);
    return Buffer.from(new Uint8Array(exports.memory.buffer, Number(bits >> 32n), Number(bits & 0xffffffffn)));
  };
  const asking = (call) => (request) => {
    const block = exports.abi_alloc(request.length) >>> 0;
    new Uint8Array(exports.memory.buffer, block, request.length).set(request);
    const answer = unpack(call(block, request.length));
    exports.abi_free(block, request.length);
    return answer;
  };
  const [decide, sketch] = [asking(exports.abi_decide), asking(exports.abi_sketch)];
  const description = JSON.parse(unpack(exports.abi_describe()));
  const inputs = description.features.filter((feature) => feature.role === 'input').length;
  return { exports, unpack, decide, sketch, status: () => exports.abi_status(), description, inputs };
}

/** A `Model` of the glue that the module carries. Each call imports a copy of its own. */
let copies = 0;
async function construct(module) {
  const glue = Buffer.from(WebAssembly.Module.customSections(module, 'underwrite.glue')[0]);
  const { initSync, Model } = await import(`data:text/javascript;base64,${glue.toString('base64')}#${copies++}`);
  initSync({ module });
  return new Model();
}

/** The lines of a text, as bytes. */
function lines(text) {
  const found = [];
  for (let start = 0, end; (end = text.indexOf(10, start)) >= 0; start = end + 1) found.push(text.subarray(start, end));
  return found;
}
