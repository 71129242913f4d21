//! What the index says about one decision and what people said of it.

use model_log::{Found, Kind, LogError, Opened, Outcome, Query, Reader};

use super::refuse;
use crate::http::error::ApiError;

/// Where a decision stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The model referred it, and no person has decided.
    Open,
    /// A person has proposed, and another has to answer.
    Proposed,
    /// The model or a person decided.
    Decided,
    /// Its content was erased.
    Erased,
}

impl State {
    pub(crate) const ALL: [Self; 4] = [Self::Open, Self::Proposed, Self::Decided, Self::Erased];

    /// As in JSON and in queries.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Proposed => "proposed",
            Self::Decided => "decided",
            Self::Erased => "erased",
        }
    }
}

/// A decision and the records that are about it.
pub(super) struct Case {
    pub(super) decision: Found,
    /// Oldest first.
    pub(super) linked: Vec<Found>,
}

impl Case {
    /// Looks a decision up.
    ///
    /// # Errors
    /// When there is no record of this index, or it is no decision that somebody was given.
    pub(super) fn find(reader: &Reader, index: u64) -> Result<Self, ApiError> {
        let size = reader.size().map_err(refuse)?;
        if index >= size {
            return Err(refuse(LogError::Unknown { index, size }));
        }
        let from_here = Query {
            kinds: vec![Kind::Decision],
            from: index,
            limit: 1,
            ..Query::default()
        };
        let found = reader.search(&from_here).map_err(refuse)?;
        let decision = found.first().filter(|found| is_given(found));
        let decision = decision.filter(|found| found.index == index);
        let decision = decision.copied().ok_or_else(|| ApiError::NotThere {
            detail: format!("Record {index} is no decision that was given"),
        })?;
        let linked = Query {
            link: Some(index),
            from: index,
            ..Query::default()
        };
        let mut linked = reader.search(&linked).map_err(refuse)?;
        linked.sort_by_key(|found| found.index);
        Ok(Self { decision, linked })
    }

    /// What a person decided.
    pub(super) fn settled(&self) -> Option<&Found> {
        let mut linked = self.linked.iter();
        linked.find(|found| found.kind == Kind::Override)
    }

    /// What a person proposed last, if nobody has decided since.
    pub(super) fn proposed(&self) -> Option<&Found> {
        let mut linked = self.linked.iter().rev();
        let proposal = linked.find(|found| found.kind == Kind::Proposal && !found.erased);
        proposal.filter(|_| self.settled().is_none())
    }

    pub(super) fn state(&self) -> State {
        let is_settled = self.settled().is_some();
        state(&self.decision, is_settled, self.proposed().is_some())
    }
}

/// Where a decision stands, of which is known what people said.
pub(super) fn state(decision: &Found, is_settled: bool, is_proposed: bool) -> State {
    match (is_settled, is_proposed) {
        _ if decision.erased => State::Erased,
        (true, _) => State::Decided,
        (false, true) => State::Proposed,
        (false, false) if decision.outcome == Outcome::Refer => State::Open,
        (false, false) => State::Decided,
    }
}

/// Whether a client was given this decision: a refused request is none, and what a challenger
/// said in the shadow nobody heard.
pub(super) fn is_given(found: &Found) -> bool {
    found.kind == Kind::Decision && found.outcome != Outcome::None && found.link.is_none()
}

/// A record with its content; `None` where that was erased or cannot be read.
pub(super) fn open(reader: &Reader, index: u64) -> Option<Opened> {
    let opened = reader.record(index).ok()?;
    opened.body.is_some().then_some(opened)
}
