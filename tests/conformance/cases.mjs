// What the three JavaScript hosts of the conformance run share:
//
//   node HOST.mjs MODEL CASES ANSWERS
//
// reads MODEL (a model.wasm) and CASES, and writes ANSWERS; see frames.mjs. The
// exit code is 1, with one sentence, when the host failed.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { glueOf } from "../../edge-worker/stage.mjs";
import { chunksOf } from "./frames.mjs";

/** A model.wasm: its bytes, compiled, and the source of its glue. */
export function readModel(path) {
  const bytes = readFileSync(path);
  const module = new WebAssembly.Module(bytes);
  return { bytes, module, glue: Buffer.from(glueOf(module)).toString("utf8") };
}

/** The `Model` of a model.wasm, in this process. Throws what the module says when it is broken. */
export async function modelIn(path) {
  const { module, glue } = readModel(path);
  const { initSync, Model } = await importText(glue);
  initSync({ module });
  return new Model();
}

/**
 * Runs one host: `open(modelPath)` gives `{ answer, close }`, and `answer(chunk)`
 * the answers to a chunk of cases, all as bytes.
 */
export async function run(open) {
  const [modelPath, casesPath, answersPath] = process.argv.slice(2);
  const program = basename(process.argv[1]);
  if (!answersPath) {
    console.error(`usage: node ${program} MODEL CASES ANSWERS`);
    process.exit(2);
  }
  try {
    await answerAll(await open(modelPath), casesPath, answersPath);
  } catch (error) {
    console.error(`${program}: ${error.message}`);
    process.exit(1);
  }
}

async function answerAll(host, casesPath, answersPath) {
  const answers = openSync(answersPath, "w");
  try {
    for (const chunk of chunksOf(readFileSync(casesPath))) {
      writeSync(answers, await host.answer(chunk));
    }
  } finally {
    closeSync(answers);
    await host.close();
  }
}

async function importText(source) {
  const folder = mkdtempSync(join(tmpdir(), "underwrite-glue-"));
  try {
    const file = join(folder, "model.mjs");
    writeFileSync(file, source);
    return await import(pathToFileURL(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
