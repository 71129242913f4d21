// Hosts a model.wasm through its plain exports: what any WebAssembly runtime can do.
// Usage: node decide.mjs MODEL.WASM APPLICATION.JSON
import { readFileSync } from 'node:fs';

const [, , modelPath, requestPath] = process.argv;
const module = new WebAssembly.Module(readFileSync(modelPath));

// 1. The imports belong to the JavaScript API. The plain exports never call them: link traps.
//    Without prototypes: a file may call its imports anything, `__proto__` too.
const imports = Object.create(null);
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  imports[from] ??= Object.create(null);
  imports[from][name] = () => { throw new Error(`${name} was called`); };
}
const { exports: wasm } = new WebAssembly.Instance(module, imports);
if (wasm.abi_version() !== 1) throw new Error(`expected ABI version 1, got ${wasm.abi_version()}`);

// 2. A packed result is an i64: address in the upper half, length in the lower. Its bytes are
//    valid until the next call, and growing memory detaches the buffer: look at it afresh.
const read = (packed) => {
  const bits = BigInt.asUintN(64, packed);
  const bytes = new Uint8Array(wasm.memory.buffer, Number(bits >> 32n), Number(bits & 0xffffffffn));
  return new TextDecoder().decode(bytes);
};

// 3. Load once. 0 means ready; anything else is a packed reason.
const problem = wasm.abi_load();
if (problem !== 0n) throw new Error(read(problem));

// 4. Copy the request in, call, read the answer, give the memory back.
const request = readFileSync(requestPath);
const address = wasm.abi_alloc(request.length) >>> 0;
if (address === 0) throw new Error('the module has no memory for the request');
new Uint8Array(wasm.memory.buffer, address, request.length).set(request);
const answer = read(wasm.abi_decide(address, request.length));
wasm.abi_free(address, request.length);

console.error(`status ${wasm.abi_status()}`);
console.log(answer);
