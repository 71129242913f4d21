//! axum and wasmtime: hosts one `model.wasm` by its plain door (`docs/module-abi.md`)
//! and serves it over HTTP.
//!
//! The host knows the model only as a file. It checks the seal, compiles, and passes
//! bytes in and out; what a decision is, and what a refusal says, is the module's.
//!
//! - [`ModelHost`] is the model without HTTP: synchronous, shared between threads.
//! - [`app`] is the router over it; [`serve`] binds an address and runs it.

mod compiled;
mod config;
mod engine;
mod error;
mod host;
mod instance;
mod page;
mod pool;
mod request_id;
mod routes;
mod server;
mod static_file;

pub use config::{Limits, ServeOptions};
pub use error::{CallError, LoadError, LoadErrorKind, ServeError};
pub use host::{Batch, Decision, Description, InstanceTimes, ModelHost, ModelInfo};
pub use routes::{App, app};
pub use server::{Server, serve, shutdown_signal};
