//! What models are loaded with.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::source::FileCheck;
use crate::host::Limits;
use crate::models::drift::Drift;
use crate::models::metrics::ModelMetricsSet;

/// What models are loaded with.
pub(crate) struct Loading {
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<ModelMetricsSet>,
    pub(crate) drift: Drift,
    /// Whether a model may have another name or version than its folder, or other inputs than
    /// the one that it replaces.
    pub(crate) allow_mismatch: bool,
    /// How many of a model's versions are loaded at once.
    pub(crate) loaded_versions: NonZeroUsize,
    /// What else a file must pass.
    pub(crate) check: Option<FileCheck>,
}
