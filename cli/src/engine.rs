//! The engine that this program carries; `build.rs` says where it was built.

use model_files::sha256_hex;

/// `engine.wasm`: the module without a model.
pub(crate) const WASM: &[u8] = include_bytes!(env!("UNDERWRITE_ENGINE_WASM"));
/// `model.js`: the JavaScript that fits it.
pub(crate) const GLUE: &[u8] = include_bytes!(env!("UNDERWRITE_MODEL_JS"));

/// SHA-256 of the engine, lower-case hexadecimal.
pub(crate) fn sha256() -> String {
    sha256_hex(WASM)
}
