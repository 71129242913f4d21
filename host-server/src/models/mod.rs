//! The models that are served: which exist and which of them answers, the metrics of their
//! decisions, and whether their requests drift away from the training rows.

pub(crate) mod drift;
mod fields;
mod label;
pub(crate) mod metrics;
pub(crate) mod registry;
pub(crate) mod score;
