//! One decision and what people said of it.

use model_log::{Found, Opened, Reader};

use super::refuse;
use crate::http::error::ApiError;
use crate::record::log::DecisionLog;
use crate::record::queue::{Linked, Standing};

/// A decision and the records of what people said of it.
pub(super) struct Case {
    pub(super) decision: Found,
    /// Oldest first.
    pub(super) linked: Vec<Linked>,
    pub(super) standing: Standing,
}

impl Case {
    /// Looks a decision up.
    ///
    /// # Errors
    /// When there is no record of this index, or it is no decision that somebody was given.
    pub(super) fn find(log: &DecisionLog, index: u64) -> Result<Self, ApiError> {
        let decision = log.reader().found(index).map_err(refuse)?;
        if !decision.is_given() {
            return Err(ApiError::NotThere {
                detail: format!("Record {index} is no decision that was given"),
            });
        }
        let queue = log.queue().map_err(refuse)?;
        Ok(Self {
            linked: queue.linked(index).collect(),
            standing: queue.standing(&decision),
            decision,
        })
    }
}

/// A record with its content; `None` where that was erased.
///
/// # Errors
/// When it cannot be read: what somebody says next depends on it.
pub(super) fn open(reader: &Reader, index: u64) -> Result<Option<Opened>, ApiError> {
    let opened = reader.record(index).map_err(refuse)?;
    Ok(opened.body.is_some().then_some(opened))
}
