//! Where records go, and what follows when they cannot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use model_log::{AppendError, Writer};

use super::metrics::LogMetrics;
use super::options::OnFailure;
use crate::http::error::ApiError;

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
    /// When decisions without a record were last logged, in seconds since 1970.
    complained: AtomicU64,
}

impl Sink {
    pub(super) fn new(writer: Writer, on_failure: OnFailure, metrics: Arc<LogMetrics>) -> Self {
        Self {
            writer,
            on_failure,
            metrics,
            complained: AtomicU64::new(0),
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
                // Once a second: a log that has stopped would fill the other one.
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.map_or(0, |time| time.as_secs());
                if self.complained.swap(now, Ordering::Relaxed) != now {
                    tracing::error!(%error, "decisions were given without a record");
                }
                Ok(())
            }
        }
    }
}
