//! axum and wasmtime: serves a model.wasm over HTTP.
