// Puts the JavaScript door of model.wasm where the Worker's Rust side finds it.
// The bundle holds model.wasm itself, byte for byte the file that every other
// host runs, and model.js, the glue that travels inside it.
import module from "./model.wasm";
import { initSync, Model } from "./model.js";

globalThis.underwrite = {
  /** Instantiates the module, once, and makes a Model; throws when its artifact is missing or broken. */
  openModel: contained(() => {
    initSync({ module });
    return new Model();
  }),
  decide: contained((model, request) => model.decide(request)),
  describe: contained((model) => model.describe()),
};

// index.js takes any WebAssembly.RuntimeError for a crash of its own and drops
// the request. One of the model's is an ordinary error to it, with its name.
function contained(call) {
  return (...values) => {
    try {
      return call(...values);
    } catch (error) {
      throw Object.assign(new Error(error.message), { name: error.name });
    }
  };
}
