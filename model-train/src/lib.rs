//! From a CSV to a `model.wasm`: dataset, split, fit, evaluate, export, pack.
//!
//! The data flows one way: a file ([`table`], [`dataset`]) is split ([`split`]), policies
//! are applied ([`prepare`]), a model is fitted and exported ([`fit`]), measured
//! ([`metrics`]), calibrated ([`calibrate`]), given a threshold ([`threshold`]) and synthetic requests to be checked by ([`golden`]): that is
//! [`train`]. [`pack`] puts the artifact into the engine.

pub mod calibrate;
pub mod dataset;
pub mod error;
pub mod file;
pub mod fit;
pub mod golden;
pub mod infer;
pub mod metrics;
pub mod pack;
pub mod prepare;
pub mod reference;
pub mod split;
pub mod table;
pub mod threshold;
pub mod train;
