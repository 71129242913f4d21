// Makes every decision of an exported log again, in Node, and compares the bytes.
// Usage: underwrite log export FOLDER | node replay.mjs FOLDER
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Model } from '../../npm/index.js';

const [, , folder] = process.argv;
const models = new Map();
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// The file that made a decision is kept beside the log, under its SHA-256.
async function load(digest) {
  if (!models.has(digest)) {
    models.set(digest, await Model.load(readFileSync(join(folder, 'models', `sha256-${digest}.wasm`))));
  }
  return models.get(digest);
}

let [answers, differ, erased] = [0, 0, 0];
for await (const line of createInterface({ input: process.stdin })) {
  const { index, kind, model, body } = JSON.parse(line);
  if (kind !== 'decision' && kind !== 'explanation') continue;
  answers += 1;
  if (!body) {
    erased += 1;
    continue;
  }
  const loaded = await load(model);
  const request = encoder.encode(body.request);
  const again = kind === 'decision' ? loaded.decideBytes(request) : loaded.explainBytes(request);
  if (again.status !== body.details.status || decoder.decode(again.body) !== body.answer) {
    differ += 1;
    console.log(`record ${index}, model sha256-${model}: another answer`);
  }
}
if (erased > 0) console.log(`${erased} answers were erased`);
console.log(`${differ} of ${answers} answers differ`);
process.exitCode = differ > 0 ? 1 : 0;
