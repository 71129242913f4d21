//! What the server counts, for Prometheus. Each name is in `docs/reference/server.md`.

mod process;
pub(crate) mod push;
mod requests;
mod text;

use std::sync::Arc;

use prometheus_client::registry::Registry;

use crate::models::drift::GaugeSet;
use crate::models::metrics::ModelMetricsSet;
pub(crate) use requests::{Counted, HttpMetrics, Rejected, Series};
pub(crate) use text::Format;

/// All metrics.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) http: Arc<HttpMetrics>,
    pub(crate) models: Arc<ModelMetricsSet>,
    pub(crate) drift: GaugeSet,
}

impl Metrics {
    /// `fastapi` adds the second old service's names, `register` those of rooms above.
    pub(crate) fn new(fastapi: bool, register: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::default();
        register(&mut registry);
        Self {
            http: Arc::new(HttpMetrics::register(&mut registry, fastapi)),
            models: Arc::new(ModelMetricsSet::register(&mut registry)),
            drift: GaugeSet::register(&mut registry),
            registry: {
                registry.register_collector(Box::new(process::ProcessMetrics));
                registry
            },
        }
    }

    /// All of them as text.
    pub(crate) fn encode(&self, format: Format) -> String {
        text::encode(&self.registry, format)
    }
}
