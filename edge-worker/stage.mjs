// Puts a model.wasm into the Worker's folder, ready for `wrangler dev` or `deploy`:
//
//   node edge-worker/stage.mjs model.wasm [target/edge]
//
// The folder holds index.js and index_bg.wasm from worker-build already. The
// glue that goes with a model travels inside it, so the two always fit.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const GLUE_SECTION = "underwrite.glue";

/** The JavaScript glue inside a compiled model.wasm, as bytes. Throws when there is none. */
export function glueOf(module) {
  const [glue] = WebAssembly.Module.customSections(module, GLUE_SECTION);
  if (!glue) {
    throw new Error(`it has no section ${GLUE_SECTION}: expected a model.wasm made by underwrite train`);
  }
  return new Uint8Array(glue);
}

/** Copies the Worker's entry, the model and its glue into `directory`. */
export function stage(modelPath, directory) {
  const bytes = readFileSync(modelPath);
  const glue = glueOf(new WebAssembly.Module(bytes));
  mkdirSync(directory, { recursive: true });
  for (const file of ["entry.mjs", "module.mjs"]) {
    copyFileSync(join(HERE, file), join(directory, file));
  }
  writeFileSync(join(directory, "model.wasm"), bytes);
  writeFileSync(join(directory, "model.js"), glue);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [modelPath, directory = join(HERE, "../target/edge")] = process.argv.slice(2);
  if (!modelPath) {
    console.error("usage: node edge-worker/stage.mjs MODEL [DIRECTORY]");
    process.exit(2);
  }
  try {
    stage(modelPath, directory);
  } catch (error) {
    console.error(`${modelPath} cannot be put into the Worker: ${error.message}`);
    process.exit(2);
  }
}
