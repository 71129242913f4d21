//! Hosts models, each a `model.wasm`, through their plain exports with wasmtime
//! (`docs/reference/module-abi.md`), and serves them over HTTP with axum (`docs/reference/http.md`).
//!
//! The host knows a model only as a file. It checks the seal, compiles the module, and passes
//! bytes in and out; the module alone decides, and words its refusals.
//!
//! - [`ModelHost`] is one model without HTTP: synchronous, shared between threads.
//! - [`App`] holds the models being served, [`app`] is the router over them.
//! - [`serve`] binds an address and runs it.
//!
//! # Example
//!
//! Load a model and let it decide, without HTTP:
//!
//! ```
//! # // A stand-in for a trained model, so that the example runs without one.
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! # let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/stand_in.wat"));
//! # let mut file = wat::parse_str(text)?;
//! # let name = model_core::model_file::GLUE_SECTION;
//! # let section = [&[name.len() as u8], name.as_bytes(), b"export default 1;"].concat();
//! # file.extend([0, section.len() as u8]);
//! # file.extend(section);
//! # model_core::model_file::seal(&mut file, 8, 0);
//! # std::fs::write("model.wasm", file)?;
//! use host_server::{Limits, ModelHost};
//!
//! let host = ModelHost::open("model.wasm", Limits::default())?;
//! let decision = host.decide(br#"{"person_income": 65000}"#)?;
//! assert_eq!(decision.status, 200);
//! println!("{}", String::from_utf8_lossy(&decision.body));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod app;
mod asset;
mod config;
mod error;
mod glue;
mod histogram;
mod host;
mod http;
mod models;
mod priority;
mod record;
mod routes;
mod seldom;
mod server;
mod service;
mod threads;

pub use app::App;
pub use config::ServeOptions;
pub use error::ServeError;
pub use glue::{MODEL_TYPES, beside_model};
pub use host::{
    Answer, Batch, CallError, Category, Decision, DerivedInfo, Description, Feature, FeatureRole,
    FeatureType, InstanceTimes, Limits, LoadError, LoadErrorKind, ModelHost, ModelInfo, NOT_KEPT,
    PolicyInfo, RuleInfo, Target, compile,
};
pub use http::authentication::{Credentials, Key, KeySource, Public, Role};
pub use http::limits::HttpLimits;
pub use http::metrics::push::PushOptions;
pub use http::person::{Person, PersonRole};
pub use http::spans::TraceOptions;
pub use http::tls::TlsFiles;
pub use models::drift::{CountingCost, DriftOptions, time_counting};
pub use models::registry::{Checked, Fetched, FileCheck, ModelSource, SignatureCheck, Signer};
pub use priority::lower_priority;
pub use record::{DecisionLogOptions, OnFailure, ReasonCode};
pub use routes::app;
pub use server::{Server, serve, shutdown_signal};
