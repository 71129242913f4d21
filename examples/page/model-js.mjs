// Writes the JavaScript API that a model.wasm carries. Usage: node model-js.mjs MODEL.WASM MODEL.JS
import { readFileSync, writeFileSync } from 'node:fs';

const [, , from, to] = process.argv;
const module = new WebAssembly.Module(readFileSync(from));
const [glue] = WebAssembly.Module.customSections(module, 'underwrite.glue');
writeFileSync(to, Buffer.from(glue));
