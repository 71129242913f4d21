//! What models are loaded with.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::source::FileCheck;
use crate::host::{Limits, ModelHost};
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
    /// Hears of every model that was loaded, before it answers.
    pub(crate) on_load: Option<OnLoad>,
}

/// Is told of a model that was loaded; a sentence refuses it. May block.
pub(crate) struct OnLoad(pub(crate) Box<dyn Fn(&Loaded<'_>) -> Result<(), String> + Send + Sync>);

/// A model that was loaded.
pub(crate) struct Loaded<'a> {
    pub(crate) host: &'a ModelHost,
    /// Its name and version in routes.
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// Of the whole file.
    pub(crate) file_sha256: &'a [u8; 32],
}
