//! axum and wasmtime: hosts models, each a `model.wasm`, by their plain door
//! (`docs/module-abi.md`) and serves them over HTTP (`docs/http.md`).
//!
//! The host knows a model only as a file. It checks the seal, compiles, and passes
//! bytes in and out; what a decision is, and what a refusal says, is the module's.
//!
//! - [`ModelHost`] is one model without HTTP: synchronous, shared between threads.
//! - [`App`] holds the models being served, [`app`] is the router over them.
//! - [`serve`] binds an address and runs it.

mod compiled;
mod config;
mod connections;
mod description;
mod drift;
mod engine;
mod error;
mod gate;
mod host;
mod instance;
mod keys;
mod metrics;
mod module_cache;
mod page;
mod pool;
mod registry;
mod request_id;
mod routes;
mod server;
mod spans;
mod static_file;
mod tls;
mod trace_context;
mod workers;

pub use config::{HttpLimits, Limits, ServeOptions, TlsFiles};
pub use description::{Category, Description, Feature, ModelInfo, Target};
pub use drift::{CountingCost, DriftOptions, time_counting};
pub use error::{CallError, LoadError, LoadErrorKind, ServeError};
pub use host::{Answer, Batch, Decision, InstanceTimes, ModelHost, compile};
pub use keys::{Key, Role};
pub use metrics::push::PushOptions;
pub use registry::{Fetched, ModelSource};
pub use routes::{App, app};
pub use server::{Server, serve, shutdown_signal};
pub use spans::TraceOptions;
