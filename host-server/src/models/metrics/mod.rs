//! What is counted of a model's decisions. Each name is in `docs/reference/server.md`.

mod model;
mod tally;

pub(crate) use model::{ModelMetrics, ModelMetricsSet, Reload, Shadowed};
pub(crate) use tally::Tally;
