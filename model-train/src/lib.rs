//! From a CSV to a `model.wasm`: dataset, split, fit, evaluate, export, pack.
//!
//! The data flows one way: a file ([`table`], [`dataset`]) is split ([`split`]), policies
//! are applied ([`prepare`]), a model is fitted and exported ([`fit`]), measured
//! ([`metrics`]) and given synthetic requests to be checked by ([`golden`]): that is
//! [`train`]. [`calibrate`] and [`threshold`] make probabilities and decisions of scores,
//! [`features`] chooses inputs, [`monotonic`] proves what a model promises, [`evaluate`],
//! [`report`] and [`card`] tell how good it is, [`tune`] searches for the best one. [`pack`]
//! puts the artifact into the engine.

pub mod calibrate;
pub mod card;
pub mod dataset;
pub mod eda;
pub mod error;
pub mod evaluate;
pub mod features;
pub mod fit;
pub mod golden;
pub mod infer;
pub mod metrics;
pub mod monotonic;
pub mod pack;
mod parallel;
pub mod prepare;
pub mod reference;
pub mod report;
pub mod split;
pub mod threshold;
pub mod train;
pub mod tune;
