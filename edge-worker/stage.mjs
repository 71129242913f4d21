// Puts a model.wasm into the Worker, ready for `wrangler dev` or `wrangler deploy`:
//
//   node edge-worker/stage.mjs model.wasm [target/edge]
//
// That folder holds index.js and index_bg.wasm from worker-build already; the
// page is in the folder `page` beside it. The glue that the page needs travels
// inside the model, so the two always fit.
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

/** Puts the model into `edge`, and with its glue into the page's folder beside it. */
export function stage(modelPath, edge) {
  const page = join(edge, "../page");
  const model = readFileSync(modelPath);
  const glue = glueOf(new WebAssembly.Module(model));
  for (const folder of [edge, page]) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "model.wasm"), model);
  }
  for (const file of ["entry.mjs", "module.mjs"]) copyFileSync(join(HERE, file), join(edge, file));
  writeFileSync(join(page, "model.js"), glue);
  copyFileSync(join(HERE, "_headers"), join(page, "_headers"));
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
