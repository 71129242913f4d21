// Puts a model.wasm into the Worker, ready for `wrangler dev` or `wrangler deploy`:
//
//   node edge-worker/stage.mjs model.wasm [target/edge]
//
// That folder holds index.js and index_bg.wasm from worker-build already; the
// page is in the folder `page` beside it. The glue that goes with a model travels
// inside it, so the two always fit.
import { copyFileSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
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

/** Puts the model, its glue and the fixed files into `edge` and the page's folder beside it. */
export function stage(modelPath, edge) {
  const model = readFileSync(modelPath);
  const glue = glueOf(new WebAssembly.Module(model));
  for (const [folder, files] of [
    [edge, ["entry.mjs", "module.mjs"]],
    [join(edge, "../page"), ["_headers"]],
  ]) {
    mkdirSync(folder, { recursive: true });
    for (const file of files) copyFileSync(join(HERE, file), join(folder, file));
    writeFileSync(join(folder, "model.wasm"), model);
    writeFileSync(join(folder, "model.js"), glue);
  }
}

const isProgram = process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (isProgram) {
  const [modelPath, edge = join(HERE, "../target/edge")] = process.argv.slice(2);
  if (!modelPath) {
    console.error("usage: node edge-worker/stage.mjs MODEL [DIRECTORY]");
    process.exit(2);
  }
  try {
    stage(modelPath, edge);
  } catch (error) {
    console.error(`${modelPath} cannot be put into the Worker: ${error.message}`);
    process.exit(2);
  }
}
