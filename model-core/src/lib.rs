//! Schema, preprocessing, models, decisions and the artifact: pure, without I/O.
//!
//! The data flows one way: the bytes of a request are read ([`decide`]), each value is
//! checked against its feature ([`schema`], [`value`]), policies fill in or clamp
//! ([`preprocess`]), the model predicts ([`model`], [`forest`]), and the decision is written.
//! Everything the module needs is in one [`artifact`]; the file `model.wasm` is read by
//! [`model_file`]. Nothing here reads a file, the environment or a clock, or draws a random
//! number, so every host gives the same bytes.
//!
//! # Example
//!
//! Load an artifact and decide one application:
//!
//! ```
//! use model_core::artifact::ArtifactError;
//! use model_core::decide::Decider;
//!
//! // One of the artifacts that every later version reads.
//! const ARTIFACT: &[u8] = include_bytes!(concat!(
//!     env!("CARGO_MANIFEST_DIR"),
//!     "/../tests/golden/format-2/artifact-linear.bin"
//! ));
//!
//! let mut decider = Decider::load(ARTIFACT)?;
//! assert_eq!(decider.artifact().schema.name, "everything");
//!
//! let application = r#"{
//!     "income": 50000, "rate": 11.5, "share": 0.25, "wealth": -3e3, "age": 40, "score": 700,
//!     "years": 5, "owner": true, "defaulted": false, "member": true, "grade": "B",
//!     "purpose": "CAR", "region": "2"
//! }"#;
//! let mut answer = Vec::new();
//! let status = decider.decide(application.as_bytes(), &mut answer);
//! assert_eq!(status, 200);
//! assert!(answer.starts_with(br#"{"prediction":"#));
//!
//! // What the schema refuses is named, in the form of FastAPI's errors.
//! answer.clear();
//! let status = decider.decide(br#"{"incom": 50000}"#, &mut answer);
//! assert_eq!(status, 422);
//! assert!(String::from_utf8_lossy(&answer).contains("did you mean 'income'?"));
//! # Ok::<(), ArtifactError>(())
//! ```

pub mod artifact;
pub mod calibration;
pub mod cells;
pub mod columns;
pub mod decide;
pub mod decimal;
pub mod describe;
pub mod details;
mod digest;
mod error;
pub mod expression;
pub mod forest;
mod format;
pub mod json;
mod link;
mod literal;
pub mod model;
pub mod model_file;
pub mod policy;
mod position;
pub mod preprocess;
pub mod reasons;
pub mod schema;
pub mod texts;
mod toml_words;
pub mod value;
mod wire;
