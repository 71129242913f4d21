//! axum and wasmtime: hosts models, each a `model.wasm`, by their plain door
//! (`docs/reference/module-abi.md`) and serves them over HTTP (`docs/reference/http.md`).
//!
//! The host knows a model only as a file. It checks the seal, compiles, and passes
//! bytes in and out; what a decision is, and what a refusal says, is the module's.
//!
//! - [`ModelHost`] is one model without HTTP: synchronous, shared between threads.
//! - [`App`] holds the models being served, [`app`] is the router over them.
//! - [`serve`] binds an address and runs it.

mod app;
mod asset;
mod config;
mod error;
mod host;
mod http;
mod models;
mod routes;
mod server;
mod service;

pub use app::App;
pub use config::ServeOptions;
pub use error::ServeError;
pub use host::{
    Answer, Batch, CallError, Category, Decision, Description, Feature, InstanceTimes, Limits,
    LoadError, LoadErrorKind, ModelHost, ModelInfo, Target, compile,
};
pub use http::authentication::{Key, Role};
pub use http::limits::HttpLimits;
pub use http::metrics::push::PushOptions;
pub use http::spans::TraceOptions;
pub use http::tls::TlsFiles;
pub use models::drift::{CountingCost, DriftOptions, time_counting};
pub use models::registry::{Fetched, ModelSource};
pub use routes::app;
pub use server::{Server, serve, shutdown_signal};
