//! Hosts models, each a `model.wasm`, through their plain exports (`docs/reference/module-abi.md`) with
//! wasmtime, and serves them over HTTP (`docs/reference/http.md`) with axum.
//!
//! The host knows a model only as a file. It checks the seal, compiles the module, and passes
//! bytes in and out; the module alone decides, and words its refusals.
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
    Answer, Batch, CallError, Category, Decision, Description, Feature, FeatureRole, FeatureType,
    InstanceTimes, Limits, LoadError, LoadErrorKind, ModelHost, ModelInfo, Target, compile,
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
