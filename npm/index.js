// Decides with a model.wasm by its plain exports, docs/reference/module-abi.md. Every decision is
// made in the module; here bytes go in and out of its memory.

const ABI_VERSION = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The schema refuses an application, or the module a call: `detail` says why. */
export class Refused extends Error {
  constructor(detail, status) {
    super(typeof detail === "string" ? detail : detail.map(sentence).join("; "));
    this.name = "Refused";
    this.detail = detail;
    this.status = status;
  }
}

function sentence({ loc, msg }) {
  const [, field] = loc;
  return field === undefined ? msg : `${field}: ${msg}`;
}

/** What is written for a value: `JSON.stringify` makes null of an infinite number, which would be missing. */
function finite(key, value) {
  const isInfinite = (typeof value === "number" || value instanceof Number) && Math.abs(value) === Infinity;
  // Read as infinite, and refused.
  return isInfinite ? `${value < 0 ? "-" : ""}1e999` : value;
}

function json(value) {
  const text = JSON.stringify(value);
  return text?.includes("null") ? JSON.stringify(value, finite) : text;
}

/** A model that decides in this thread. */
export class Model {
  #exports;
  #inputs;

  constructor(instance) {
    this.#exports = instance.exports;
    if (this.#exports.abi_version?.() !== ABI_VERSION) {
      throw new Error(`expected a model.wasm with exports of version ${ABI_VERSION}: use a newer package, or another file`);
    }
    const problem = this.#exports.abi_load();
    if (problem !== 0n) throw new Error(JSON.parse(decoder.decode(this.#read(problem))).detail);
    this.#inputs = this.describe().features.filter(({ role }) => role === "input").length;
  }

  /** Loads a model: its bytes, a compiled module, a response of `fetch`, or an address to fetch. */
  static async load(source) {
    return new Model(await WebAssembly.instantiate(...(await linked(source))));
  }

  /** One decision; throws `Refused` where the schema refuses the application. NaN is missing. */
  decide(application) {
    return this.#parsed(this.decideBytes(encoder.encode(json(application))));
  }

  /** Why a decision came out as it did; `options` may have `language` and `recourse`. */
  explain(application, options = {}) {
    const question = { application, ...options };
    return this.#parsed(this.explainBytes(encoder.encode(json(question))));
  }

  /** What the model says about itself. */
  describe() {
    return JSON.parse(decoder.decode(this.#read(this.#exports.abi_describe())));
  }

  /** One decision as bytes: `{ status, body }`, the same body in every host. */
  decideBytes(request) {
    return this.#answered("abi_decide", request);
  }

  /** One explanation as bytes. */
  explainBytes(question) {
    return this.#answered("abi_explain", question);
  }

  /** What a batch was like, without its rows: the sketch that `underwrite drift` compares. */
  sketch(applications) {
    const lines = applications.map(json).join("\n");
    const { status, body } = this.#answered("abi_sketch", encoder.encode(lines));
    if (status !== 200) throw new Refused(JSON.parse(decoder.decode(body)).detail, status);
    return body;
  }

  /** Probabilities of many rows: input `i` of row `r` is `columns[i * rows + r]`; a refused row gets -1. */
  batch(columns, rows) {
    if (columns.length !== rows * this.#inputs) {
      throw new RangeError(`expected ${this.#inputs} inputs of ${rows} rows, got ${columns.length} values`);
    }
    const blocks = [8 * columns.length, 8 * rows].map((length) => this.#block(length));
    try {
      const [[from], [to]] = blocks;
      new Float64Array(this.#exports.memory.buffer, from, columns.length).set(columns);
      this.#exports.abi_batch(from, rows, to);
      return new Float64Array(this.#exports.memory.buffer, to, rows).slice();
    } finally {
      for (const block of blocks) this.#exports.abi_free(...block);
    }
  }

  #parsed({ status, body }) {
    const answer = JSON.parse(decoder.decode(body));
    if (status !== 200) throw new Refused(answer.detail, status);
    return answer;
  }

  #answered(name, request) {
    if (!this.#exports[name]) throw new Error(`this model.wasm was packed before ${name} was added: pack it again`);
    const [address, length] = this.#block(request.length);
    try {
      new Uint8Array(this.#exports.memory.buffer, address, length).set(request);
      const body = this.#read(this.#exports[name](address, length));
      return { status: this.#exports.abi_status(), body };
    } finally {
      this.#exports.abi_free(address, length);
    }
  }

  #block(length) {
    const address = this.#exports.abi_alloc(length) >>> 0;
    if (address === 0) throw new Error(`the module has no room for ${length} bytes`);
    return [address, length];
  }

  /** A copy of a packed result: the next call may move it. */
  #read(packed) {
    const [address, length] = [Number(BigInt.asUintN(32, packed >> 32n)), Number(BigInt.asUintN(32, packed))];
    return new Uint8Array(this.#exports.memory.buffer, address, length).slice();
  }
}

/** The module and what it is linked with: the imports of its other interface are never called. */
async function linked(source) {
  const module = await compiled(source);
  // Without prototypes: a file may name what it imports as it likes, `__proto__` too.
  const imports = Object.create(null);
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== "function") throw new Error(`expected a model.wasm, got a module that imports the ${kind} ${from}.${name}`);
    (imports[from] ??= Object.create(null))[name] = () => {
      throw new Error(`the module called ${name}, which its plain exports never do`);
    };
  }
  return [module, imports];
}

async function compiled(source) {
  if (source instanceof WebAssembly.Module) return source;
  if (typeof source === "string" || source instanceof URL) {
    const response = await fetch(source);
    if (!response.ok) throw new Error(`${source}: HTTP status ${response.status}`);
    return compiled(response);
  }
  if (typeof Response !== "undefined" && source instanceof Response) {
    return WebAssembly.compile(await source.arrayBuffer());
  }
  return WebAssembly.compile(source);
}
