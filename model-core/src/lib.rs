//! Schema, preprocessing, models, decisions and the artifact: pure, no I/O.
//!
//! The data flows one way: bytes of a request are read ([`decide`]), each value is
//! checked against its feature ([`schema`], [`value`]), policies fill in or clamp
//! ([`preprocess`]), the model predicts ([`model`], [`forest`]), the answer is written.
//! Everything the module needs is one [`artifact`]; `model.wasm` as a file is
//! [`model_file`]. Nothing here reads a file, the environment or a clock, or draws a
//! random number, so every host gives the same bytes.

pub mod artifact;
pub mod calibration;
pub mod decide;
pub mod describe;
pub mod details;
pub mod expression;
pub mod forest;
pub mod json;
pub mod model;
pub mod model_file;
pub mod policy;
pub mod preprocess;
pub mod schema;
pub mod texts;
pub mod value;
