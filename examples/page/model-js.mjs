// Writes the JavaScript API that a model.wasm carries. Usage: node model-js.mjs MODEL.WASM MODEL.JS
// Of a model that somebody else made, take the one that `underwrite export js` writes.
import { readFileSync, writeFileSync } from 'node:fs';

const [, , from, to] = process.argv;
const module = new WebAssembly.Module(readFileSync(from));
const [glue] = WebAssembly.Module.customSections(module, 'underwrite.glue');
writeFileSync(to, Buffer.from(glue));
