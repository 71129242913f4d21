//! What models are loaded with.

use std::sync::Arc;

use crate::host::Limits;
use crate::models::drift::Drift;
use crate::models::metrics::ModelMetricsSet;

/// What models are loaded with.
pub(crate) struct Loading {
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<ModelMetricsSet>,
    pub(crate) drift: Drift,
}
