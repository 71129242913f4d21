
/** A module, or where it is. */
export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

/**
 * Loads the module, once: the `model.wasm` beside this file, or what `module_or_path` names. Call it before
 * `new Model()`.
 */
export default function init(options?: { module_or_path: InitInput | Promise<InitInput> }): Promise<unknown>;

/** Loads a module that has been read or compiled, without waiting. */
export function initSync(options: { module: BufferSource | WebAssembly.Module }): unknown;
