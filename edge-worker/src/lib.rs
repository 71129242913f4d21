//! The Cloudflare Worker that hosts a model.wasm.
