//! Looks records up in the index.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use serde::Serialize;

use super::Reader;
use crate::error::LogError;
use crate::index::Entry;
use crate::record::{Kind, Outcome};
use crate::retention::{Terms, is_beyond};

/// Which records are wanted; what is `None` or empty restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Kinds; empty is every kind.
    pub kinds: Vec<Kind>,
    /// How it came out.
    pub outcome: Option<Outcome>,
    /// The request id.
    pub request_id: Option<String>,
    /// The application's id.
    pub application: Option<String>,
    /// Only records that are about this one.
    pub link: Option<u64>,
    /// Only from this minute since 1970 UTC on.
    pub from_minute: Option<u32>,
    /// Only to this minute, included.
    pub to_minute: Option<u32>,
    /// Only decisions that somebody was given and that have no override: with the outcome refer, the
    /// queue.
    pub open: bool,
    /// Only from this index on.
    pub from: u64,
    /// Only up to this index, which is not included.
    pub to: Option<u64>,
    /// At most so many, 0 is all.
    pub limit: usize,
    /// The newest first.
    pub newest_first: bool,
}

/// What the index says about a record, without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its index.
    pub index: u64,
    /// What happened.
    pub kind: Kind,
    /// How it came out.
    pub outcome: Outcome,
    /// Minutes since 1970 UTC.
    pub minute: u32,
    /// The record that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<u64>,
    /// Whether it was erased.
    pub erased: bool,
    /// Bytes of the record on the disk.
    #[serde(skip)]
    pub length: u32,
}

impl Found {
    fn new(index: u64, entry: &Entry) -> Self {
        Self {
            index,
            kind: entry.kind,
            outcome: entry.outcome,
            minute: entry.minute,
            link: entry.link,
            erased: entry.erased,
            length: entry.length,
        }
    }

    /// Whether a client was given this decision: a refused request is none, and what a challenger
    /// said in the shadow nobody heard.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.kind == Kind::Decision && self.outcome != Outcome::None && self.link.is_none()
    }
}

/// What is wanted, as the index has it.
struct Wanted<'a> {
    query: &'a Query,
    request: Option<u64>,
    application: Option<u64>,
}

impl Wanted<'_> {
    fn fits(&self, index: u64, entry: &Entry) -> bool {
        let query = self.query;
        (query.kinds.is_empty() || query.kinds.contains(&entry.kind))
            && query.outcome.is_none_or(|outcome| outcome == entry.outcome)
            && query.link.is_none_or(|link| entry.link == Some(link))
            && query
                .from_minute
                .is_none_or(|minute| entry.minute >= minute)
            && query.to_minute.is_none_or(|minute| entry.minute <= minute)
            && (!query.open || !entry.erased && Found::new(index, entry).is_given())
            && self.request.is_none_or(|id| entry.request == id)
            && self.application.is_none_or(|id| entry.application == id)
    }
}

/// The decision that an override is about.
fn overridden(entry: &Entry) -> Option<u64> {
    entry.link.filter(|_| entry.kind == Kind::Override)
}

impl Reader {
    /// Looks records up in the index: 48 bytes for each record, read until there are as many as
    /// the limit says.
    ///
    /// # Errors
    /// When the index cannot be read, or an id is asked for without the keys.
    pub fn search(&self, query: &Query) -> Result<Vec<Found>, LogError> {
        let mut found = Vec::new();
        self.search_each(query, |one| {
            found.push(one);
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// As [`Reader::search`], one record after the other, so that whoever wants few of many
    /// holds few: `each` may break off.
    ///
    /// # Errors
    /// As [`Reader::search`].
    pub fn search_each(
        &self,
        query: &Query,
        mut each: impl FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let wanted = self.wanted(query)?;
        let mut decided = BTreeSet::new();
        if query.open {
            self.walk(query.from..u64::MAX, false, |_, entry| {
                decided.extend(overridden(entry));
                ControlFlow::Continue(())
            })?;
        }
        let mut left = match query.limit {
            0 => usize::MAX,
            limit => limit,
        };
        let records = query.from..query.to.unwrap_or(u64::MAX);
        self.walk(records, query.newest_first, |index, entry| {
            if !wanted.fits(index, entry) || decided.contains(&index) {
                return ControlFlow::Continue(());
            }
            left -= 1;
            each(Found::new(index, entry))?;
            match left {
                0 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        })
    }

    /// What the index says about one record.
    ///
    /// # Errors
    /// When there is none of this index, or the index cannot be read.
    pub fn found(&self, index: u64) -> Result<Found, LogError> {
        Ok(Found::new(index, &self.entry(index)?))
    }

    fn wanted<'a>(&self, query: &'a Query) -> Result<Wanted<'a>, LogError> {
        let hide = |domain: &str, id: &Option<String>| match id {
            Some(id) => Ok(Some(self.keys()?.hide(domain, id))),
            None => Ok::<_, LogError>(None),
        };
        Ok(Wanted {
            query,
            request: hide("request", &query.request_id)?,
            application: hide("application", &query.application)?,
        })
    }

    /// Records about applicants that are beyond their retention at `now` (minutes since 1970
    /// UTC), that no hold keeps, and that were not erased yet. A record about a decision is kept
    /// as long as the decision, and one on hold keeps what it is about: an erasure of all that
    /// is found is not refused for a hold. So a record is left out, too, that a damaged hold or
    /// release may name, unless a later one does.
    ///
    /// # Errors
    /// When the index cannot be read, or a hold for an error of the system that may pass.
    pub fn beyond_retention(&self, months: u32, now: u32) -> Result<Vec<Found>, LogError> {
        let holds = self.holds(|_, error| match error.is_lasting() {
            true => Ok(()),
            false => Err(error),
        });
        let mut terms = Terms::new(holds?);
        self.each_entry(|index, entry| terms.add(index, entry))?;
        let mut found = Vec::new();
        self.walk(0..u64::MAX, true, |index, entry| {
            let (times, is_kept) = (terms.times(index, entry), terms.is_kept(index, entry));
            let is_there = entry.kind.is_personal() && !entry.erased;
            if is_there && is_beyond(&times, months, is_kept, now) {
                found.push(Found::new(index, entry));
            }
            ControlFlow::Continue(())
        })?;
        found.reverse();
        Ok(found)
    }
}
