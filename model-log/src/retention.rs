//! How long records are kept: plain rules, without files.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Months, Utc};

use crate::index::Entry;

/// The times that matter, in minutes since 1970 UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Of the record.
    pub record: u32,
    /// Of its last notice.
    pub notice: Option<u32>,
    /// Of the last record that is linked to it.
    pub last_linked: Option<u32>,
}

impl Times {
    /// When its term begins: the latest of these times.
    #[must_use]
    pub fn start(&self) -> u32 {
        let others = [self.notice, self.last_linked];
        others.into_iter().flatten().fold(self.record, u32::max)
    }
}

/// Which records are on hold, by the holds and releases that were read, in the order of the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holds {
    on_hold: BTreeSet<u64>,
    /// The last hold or release that cannot be read: any record before it may be one that it names.
    unread: Option<u64>,
    /// Records that were released behind it.
    released: BTreeSet<u64>,
}

impl Holds {
    pub(crate) fn hold(&mut self, index: u64) {
        self.on_hold.insert(index);
        self.released.remove(&index);
    }

    pub(crate) fn release(&mut self, index: u64) {
        self.on_hold.remove(&index);
        if self.unread.is_some() {
            self.released.insert(index);
        }
    }

    /// A hold or a release that cannot be read. What was said before it may not be so any more.
    pub(crate) fn skip(&mut self, change: u64) {
        self.on_hold.clear();
        self.released.clear();
        self.unread = Some(change);
    }

    /// Whether a record is on hold; an error, the hold or release that cannot be read, where that is
    /// not known.
    pub(crate) fn is_on_hold(&self, index: u64) -> Result<bool, u64> {
        match self.unread {
            _ if self.on_hold.contains(&index) => Ok(true),
            Some(change) if index < change && !self.released.contains(&index) => Err(change),
            _ => Ok(false),
        }
    }

    /// The records of which it is known.
    pub(crate) fn into_on_hold(self) -> BTreeSet<u64> {
        self.on_hold
    }
}

/// Terms and holds of records. What is about a decision, or about such a record in turn, has the
/// decision's term and is on hold with what it is about. An erasure takes it along, so that a hold
/// on it prevents the erasure of the decision too.
#[derive(Debug)]
pub(crate) struct Terms {
    holds: Holds,
    /// What a record is about that is on hold, or that has such a record about it.
    kept: BTreeSet<u64>,
    /// By each record that is about another one: the decision that it leads to.
    decisions: BTreeMap<u64, u64>,
    /// By decision: the minute of the last record that leads to it.
    last: BTreeMap<u64, u32>,
}

impl Terms {
    pub(crate) fn new(holds: Holds) -> Self {
        Self {
            holds,
            kept: BTreeSet::new(),
            decisions: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    /// Adds a record, after those that are before it in the log.
    pub(crate) fn add(&mut self, index: u64, entry: &Entry) {
        let Some(link) = entry.about() else {
            return;
        };
        let decision = self.decision(link);
        self.decisions.insert(index, decision);
        let last = self.last.entry(decision).or_default();
        *last = entry.minute.max(*last);
        if self.is_on_hold(link) {
            self.holds.hold(index);
        }
    }

    fn decision(&self, index: u64) -> u64 {
        self.decisions.get(&index).copied().unwrap_or(index)
    }

    /// Also where that is not known.
    pub(crate) fn is_on_hold(&self, index: u64) -> bool {
        self.holds.is_on_hold(index).unwrap_or(true)
    }

    /// Whether a hold prevents the erasure of a record: on itself, or on one that is erased with
    /// it. To be asked of every record once all are added, newest first: what is about a record
    /// comes after it.
    pub(crate) fn is_kept(&mut self, index: u64, entry: &Entry) -> bool {
        let kept = self.is_on_hold(index) && !entry.erased || self.kept.contains(&index);
        if kept {
            self.kept.extend(entry.about());
        }
        kept
    }

    /// The times of a record, once all that count for it are added.
    pub(crate) fn times(&self, index: u64, entry: &Entry) -> Times {
        Times {
            record: entry.minute,
            // A notice is a linked record too.
            notice: None,
            last_linked: self.last.get(&self.decision(index)).copied(),
        }
    }
}

fn at(minute: u32) -> DateTime<Utc> {
    DateTime::from_timestamp(i64::from(minute) * 60, 0).unwrap_or(DateTime::UNIX_EPOCH)
}

/// The end of the term: `months` calendar months after its start. A day that the month does not
/// have is the month's last.
///
/// ```
/// use model_log::retention::{Times, end_of_term};
///
/// let times = Times { record: 29_937_600, ..Times::default() }; // 2026-12-03
/// assert_eq!(end_of_term(&times, 60).to_rfc3339(), "2031-12-03T00:00:00+00:00");
/// ```
#[must_use]
pub fn end_of_term(times: &Times, months: u32) -> DateTime<Utc> {
    at(times.start())
        .checked_add_months(Months::new(months))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Whether a record is beyond its retention at `now` (minutes since 1970 UTC). A record on hold
/// never is.
#[must_use]
pub fn is_beyond(times: &Times, months: u32, on_hold: bool, now: u32) -> bool {
    !on_hold && at(now) >= end_of_term(times, months)
}

/// A minute since 1970 UTC as `2026-11-28T21:40Z`.
#[must_use]
pub fn minute_text(minute: u32) -> String {
    at(minute).format("%Y-%m-%dT%H:%MZ").to_string()
}

/// Microseconds since 1970 UTC as `2026-11-28T21:40:05.123456Z`.
#[must_use]
pub fn micros_text(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .unwrap_or(DateTime::UNIX_EPOCH)
        .format("%Y-%m-%dT%H:%M:%S%.6fZ")
        .to_string()
}
