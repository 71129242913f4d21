//! One decision and what people said of it.

use model_log::{Found, Kind, Opened, Reader};

use super::refuse;
use crate::http::error::ApiError;
use crate::record::log::DecisionLog;
use crate::record::queue::{Linked, State, is_given};

/// A decision and the records of what people said of it.
pub(super) struct Case {
    pub(super) decision: Found,
    /// Oldest first.
    pub(super) linked: Vec<Linked>,
}

impl Case {
    /// Looks a decision up.
    ///
    /// # Errors
    /// When there is no record of this index, or it is no decision that somebody was given.
    pub(super) fn find(log: &DecisionLog, index: u64) -> Result<Self, ApiError> {
        let decision = log.reader().found(index).map_err(refuse)?;
        if !is_given(&decision) {
            return Err(ApiError::NotThere {
                detail: format!("Record {index} is no decision that was given"),
            });
        }
        let linked = log.queue().map_err(refuse)?.linked(index).collect();
        Ok(Self { decision, linked })
    }

    /// The record of what a person decided, also where that was erased.
    pub(super) fn settled(&self) -> Option<u64> {
        let mut linked = self.linked.iter();
        let first = linked.find(|linked| linked.kind == Kind::Override);
        first.map(|linked| linked.index)
    }

    /// The record of what a person proposed last, if nobody has decided since.
    pub(super) fn proposed(&self) -> Option<u64> {
        let mut linked = self.linked.iter().rev();
        let last = linked.find(|linked| linked.kind == Kind::Proposal && !linked.is_erased);
        let last = last.map(|linked| linked.index);
        last.filter(|_| self.settled().is_none())
    }

    pub(super) fn state(&self) -> State {
        State::new(&self.decision, self.settled(), self.proposed())
    }
}

/// A record with its content; `None` where that was erased or cannot be read.
pub(super) fn open(reader: &Reader, index: u64) -> Option<Opened> {
    let opened = reader.record(index).ok()?;
    opened.body.is_some().then_some(opened)
}
