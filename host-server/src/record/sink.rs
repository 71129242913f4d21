//! Where records go, and what follows when they cannot.

use std::sync::Arc;

use model_log::{AppendError, Writer};

use super::metrics::LogMetrics;
use super::options::OnFailure;
use crate::http::error::ApiError;
use crate::seldom::Seldom;

/// Why records were not written, as a client gets it: what stopped the log names files of this
/// machine, and the server's log says it.
pub(super) fn reason(error: &AppendError) -> String {
    match error {
        AppendError::Stopped(_) => {
            "the decision log has stopped; the server's log says why".to_owned()
        }
        other => other.to_string(),
    }
}

/// The writer, and what its failures mean for answers.
pub(super) struct Sink {
    writer: Writer,
    on_failure: OnFailure,
    metrics: Arc<LogMetrics>,
    /// A log that has stopped would fill the other one.
    unrecorded: Seldom,
}

impl Sink {
    pub(super) fn new(writer: Writer, on_failure: OnFailure, metrics: Arc<LogMetrics>) -> Self {
        Self {
            writer,
            on_failure,
            metrics,
            unrecorded: Seldom::default(),
        }
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.writer
    }

    pub(super) fn metrics(&self) -> &LogMetrics {
        &self.metrics
    }

    /// Records could not be written: whether their answers are given all the same.
    pub(super) fn failed(&self, error: &AppendError, records: u64) -> Result<(), ApiError> {
        match self.on_failure {
            OnFailure::Refuse => {
                self.metrics.refused(error, records);
                Err(ApiError::NotRecorded {
                    reason: reason(error),
                })
            }
            OnFailure::Serve => {
                self.metrics.unrecorded(records);
                if let Some(times) = self.unrecorded.due() {
                    tracing::error!(%error, times, "decisions were given without a record");
                }
                Ok(())
            }
        }
    }
}
