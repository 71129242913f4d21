//! The models that are served: which there are and which of them answers, what is counted
//! of their decisions, and whether what they are asked drifts away from their training rows.

pub(crate) mod drift;
mod fields;
pub(crate) mod metrics;
pub(crate) mod registry;
pub(crate) mod score;
