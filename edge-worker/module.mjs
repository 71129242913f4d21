// model.wasm through its plain exports (docs/reference/module-abi.md), put where the Worker's
// Rust side finds it. It is byte for byte the file that every other host runs.
//
// The plain exports, not the class of model.js: that glue can hold one instance for
// the life of a Worker, and after a trap an instance is spent.
import module from "./model.wasm";

globalThis.underwrite = { openModel: () => contained(() => new Model()) };

// Evaluations that a search for recourse may take here, where a request has few milliseconds.
const BUDGET = 2000;

/** One instance of the module. */
class Model {
  #exports = new WebAssembly.Instance(module, unreached()).exports;

  /** Throws what the module says when its artifact is missing or broken. */
  constructor() {
    const refusal = this.#exports.abi_load();
    if (refusal) throw new Error(JSON.parse(new TextDecoder().decode(this.#bytes(refusal))).detail);
    // A module that was packed by an earlier version has a budget of its own.
    this.#exports.abi_budget?.(BUDGET);
  }

  /** JSON, as bytes. */
  describe() {
    return contained(() => this.#bytes(this.#exports.abi_describe()));
  }

  /** The bytes of a request in, the bytes of an answer out. */
  decide(request) {
    return contained(() => this.#ask(this.#exports.abi_decide, request));
  }

  /** Whether the module can explain: one that was packed by an earlier version cannot. */
  get explains() {
    return Boolean(this.#exports.abi_explain);
  }

  /** The bytes of a request in, those of an explanation, or of a refusal, out. */
  explain(request) {
    return contained(() => this.#ask(this.#exports.abi_explain, request));
  }

  /** The bytes of a batch in, the bytes of its sketch, or of a refusal, out. */
  sketch(batch) {
    return contained(() => this.#ask(this.#exports.abi_sketch, batch));
  }

  #ask(call, request) {
    const { abi_alloc, abi_free, memory } = this.#exports;
    const pointer = abi_alloc(request.length) >>> 0;
    if (!pointer) throw new Error("the module has no room for the request");
    new Uint8Array(memory.buffer, pointer, request.length).set(request);
    const answer = this.#bytes(call(pointer, request.length));
    abi_free(pointer, request.length);
    return answer;
  }

  /** The HTTP status of the last decision, explanation or sketch. */
  get status() {
    return this.#exports.abi_status();
  }

  /** A copy of what a packed result names: the pointer in the high half, the length in the low. */
  #bytes(packed) {
    const [length, pointer] = new Uint32Array(BigInt64Array.of(packed).buffer);
    return new Uint8Array(this.#exports.memory.buffer, pointer, length).slice();
  }
}

/** What the module imports for model.js only. */
function unreached() {
  // Without prototypes: a file may name what it imports as it likes, `__proto__` too.
  const imports = Object.create(null);
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= Object.create(null))[name] = () => {
      throw new Error(`the plain exports called the import ${name}`);
    };
  }
  return imports;
}

// index.js takes any WebAssembly.RuntimeError for a crash of its own and drops
// the request. One of the model's is an ordinary error to it, with its name.
function contained(call) {
  try {
    return call();
  } catch (error) {
    throw Object.assign(new Error(error.message), { name: error.name });
  }
}
