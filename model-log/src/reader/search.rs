//! Looks records up in the index.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Reader;
use crate::error::LogError;
use crate::index::Entry;
use crate::record::{Kind, Outcome};
use crate::retention::{Times, is_beyond};
use crate::writer::add_linked;

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
    /// Only decisions without an override: the queue of what was referred.
    pub open: bool,
    /// Only from this index on.
    pub from: u64,
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
        }
    }
}

impl Reader {
    /// Looks records up in the index, which is read whole: 48 bytes for each record.
    ///
    /// # Errors
    /// When the index cannot be read, or an id is asked for without the keys.
    pub fn search(&self, query: &Query) -> Result<Vec<Found>, LogError> {
        let hide = |domain: &str, id: &Option<String>| match id {
            Some(id) => Ok(Some(self.keys()?.hide(domain, id))),
            None => Ok::<_, LogError>(None),
        };
        let request = hide("request", &query.request_id)?;
        let application = hide("application", &query.application)?;
        let mut found = Vec::new();
        let mut decided = BTreeSet::new();
        self.each_entry(|index, entry| {
            if let (true, Kind::Override, Some(link)) = (query.open, entry.kind, entry.link) {
                decided.insert(link);
            }
            let fits = index >= query.from
                && (query.kinds.is_empty() || query.kinds.contains(&entry.kind))
                && query.outcome.is_none_or(|outcome| outcome == entry.outcome)
                && query.link.is_none_or(|link| entry.link == Some(link))
                && query
                    .from_minute
                    .is_none_or(|minute| entry.minute >= minute)
                && query.to_minute.is_none_or(|minute| entry.minute <= minute)
                && (!query.open || entry.kind == Kind::Decision && !entry.erased)
                && request.is_none_or(|id| entry.request == id)
                && application.is_none_or(|id| entry.application == id);
            if fits {
                found.push(Found::new(index, entry));
            }
        })?;
        found.retain(|found| !decided.contains(&found.index));
        if query.newest_first {
            found.reverse();
        }
        if query.limit > 0 {
            found.truncate(query.limit);
        }
        Ok(found)
    }

    /// Records about applicants that are beyond their retention and not on hold at `now`
    /// (minutes since 1970 UTC), and were not erased yet. A record about a decision is kept as
    /// long as the decision.
    ///
    /// # Errors
    /// When the index or a hold cannot be read.
    pub fn beyond_retention(&self, months: u32, now: u32) -> Result<Vec<Found>, LogError> {
        let held = self.held()?;
        let mut linked: BTreeMap<u64, Times> = BTreeMap::new();
        self.each_entry(|_, entry| {
            if let Some(link) = entry.link.filter(|_| entry.kind.is_personal()) {
                add_linked(linked.entry(link).or_default(), entry);
            }
        })?;
        let mut found = Vec::new();
        self.each_entry(|index, entry| {
            if !entry.kind.is_personal() || entry.erased {
                return;
            }
            let about = entry.link.unwrap_or(index);
            let mut times = linked.get(&about).copied().unwrap_or_default();
            times.record = entry.minute;
            let on_hold = held.contains(&index) || held.contains(&about);
            if is_beyond(&times, months, on_hold, now) {
                found.push(Found::new(index, entry));
            }
        })?;
        Ok(found)
    }
}
