//! Holds, releases and erasures.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::core::Core;
use super::prepared::{Prepared, now};
use crate::error::LogError;
use crate::event;
use crate::index::{self, Entry};
use crate::reader::Reader;
use crate::record::{Kind, Record};
use crate::retention::{Terms, end_of_term, is_beyond};
use crate::seeds::EPOCH;

/// What is asked of a log about records that it has. The JSON of `POST /log/hold`,
/// `/log/release` and `/log/erase` too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The records.
    pub indexes: Vec<u64>,
    /// Why; not empty.
    pub because: String,
    /// Erase records also before the end of their retention.
    #[serde(default)]
    pub before_term: bool,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The record about it.
    pub index: u64,
    /// Records that were changed; one that was held, released or erased already is not counted.
    pub records: usize,
}

/// Which change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Hold,
    Release,
    Erase,
}

impl What {
    /// What it does to a record.
    fn done(self) -> &'static str {
        match self {
            Self::Hold => "held",
            Self::Release => "released",
            Self::Erase => "erased",
        }
    }
}

/// By which term an erasure was judged, and whether it came before its end.
#[derive(Debug, Clone, Copy)]
struct Term {
    months: u32,
    is_early: bool,
}

/// The most bytes of a reason.
const MAX_BECAUSE: usize = 4096;

impl Core {
    pub(crate) fn change(
        &mut self,
        what: What,
        change: &Change,
        by: &str,
        months: u32,
    ) -> Result<Changed, LogError> {
        let mut change = change.clone();
        change.indexes.sort_unstable();
        change.indexes.dedup();
        check(&change)?;
        let reader = Reader::over(
            self.disk.clone(),
            self.layout.clone(),
            Some(self.keys.clone()),
        );
        if what == What::Erase {
            add_records_about(&reader, &mut change.indexes)?;
        }
        let facts = Facts::collect(&reader, &change.indexes, what)?;
        let held = &facts.held;
        let affected: Vec<u64> = match what {
            What::Hold => facts.keep(|index| !held.contains(&index)),
            What::Release => facts.keep(|index| held.contains(&index)),
            What::Erase => facts.keep(|index| !facts.entries[&index].erased),
        };
        let term = Term {
            months,
            is_early: what == What::Erase
                && facts.check_erasure(&reader, months, change.before_term)?,
        };
        let record = record_of(what, &affected, &change, by, term);
        let receipts = self.append(&mut Prepared::all(vec![record], &self.keys)?)?;
        if what == What::Erase {
            self.destroy(&affected)?;
        }
        Ok(Changed {
            index: receipts.first().map_or(0, |receipt| receipt.index),
            records: affected.len(),
        })
    }

    /// Destroys keys, and what the index says about the records' ids.
    fn destroy(&mut self, indexes: &[u64]) -> Result<(), LogError> {
        let mut by_epoch: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for index in indexes {
            by_epoch.entry(index / EPOCH).or_default().push(*index);
        }
        for (epoch, indexes) in by_epoch {
            let path = self.layout.seeds(epoch);
            let (mut seeds, generation) = self.keys.seeds(&path, epoch)?;
            let slots = indexes.iter().map(|index| (index % EPOCH) as u32);
            let destroyed = slots.filter(|slot| seeds.destroy(*slot)).count();
            if destroyed > 0 {
                self.keys.reseal(&path, epoch, &seeds)?;
            } else {
                self.keys.settle(&path, epoch, &seeds, generation)?;
            }
            if epoch == self.current.epoch {
                self.current.seeds = seeds;
            }
            self.clear_ids(epoch, &indexes)?;
        }
        Ok(())
    }

    /// Clears the ids in the index where they are, so that no copy of the file stays behind.
    fn clear_ids(&self, epoch: u64, indexes: &[u64]) -> Result<(), LogError> {
        let path = self.layout.index(epoch);
        let clear = || {
            let mut file = self.disk.open(&path, crate::disk::How::Existing)?;
            for index in indexes {
                let offset = (index % EPOCH) * index::LEN as u64;
                let mut bytes = [0; index::LEN];
                file.read_at(offset, &mut bytes)?;
                // Also where the flag is set: a crash may have kept the ids, in the next sector.
                if let Some(entry) = Entry::from_bytes(&bytes)
                    && entry != entry.erase()
                {
                    file.write_at(offset, &entry.erase().to_bytes())?;
                }
            }
            file.sync()
        };
        clear().map_err(|error| LogError::io(&path, error))
    }

    /// Ends erasures of the current epoch that a crash may have interrupted.
    pub(crate) fn erase_again(&mut self, records: &[u64]) -> Result<(), LogError> {
        let reader = Reader::over(
            self.disk.clone(),
            self.layout.clone(),
            Some(self.keys.clone()),
        );
        for index in records {
            let erasure: event::Erasure = reader.event(*index)?;
            self.destroy(&erasure.indexes)?;
        }
        Ok(())
    }
}

/// The record of a change.
fn record_of(what: What, affected: &[u64], change: &Change, by: &str, term: Term) -> Record {
    let (indexes, because) = (affected.to_vec(), change.because.clone());
    let by = by.to_owned();
    let (kind, event) = match what {
        What::Hold | What::Release => {
            let kind = if what == What::Hold {
                Kind::Hold
            } else {
                Kind::Release
            };
            let event = event::Hold {
                indexes,
                because,
                by,
            };
            (kind, serde_json::to_value(event))
        }
        What::Erase => {
            let event = event::Erasure {
                indexes,
                because,
                by,
                before_term: term.is_early,
                retention_months: Some(term.months),
            };
            (Kind::Erasure, serde_json::to_value(event))
        }
    };
    let mut record = Record::new(kind);
    record.link = affected.first().copied();
    record.details.event = event.ok();
    record
}

/// A shadow's answer, an override or a notice holds the applicant's data too: it is erased with
/// the decision that it is about. So is what is about it, which comes after it.
fn add_records_about(reader: &Reader, indexes: &mut Vec<u64>) -> Result<(), LogError> {
    let mut all: BTreeSet<u64> = indexes.iter().copied().collect();
    reader.each_entry(|index, entry| {
        if entry.about().is_some_and(|link| all.contains(&link)) {
            all.insert(index);
        }
    })?;
    *indexes = all.into_iter().collect();
    Ok(())
}

fn check(change: &Change) -> Result<(), LogError> {
    let problem = if change.indexes.is_empty() {
        "no record is named: name at least one index"
    } else if change.because.trim().is_empty() {
        "the reason is empty: say why, it becomes part of the log"
    } else if change.because.len() > MAX_BECAUSE {
        "the reason is longer than 4096 bytes"
    } else {
        return Ok(());
    };
    Err(LogError::Argument(problem.to_owned()))
}

/// What is known about the records that are to be changed.
pub(crate) struct Facts {
    pub(crate) entries: BTreeMap<u64, Entry>,
    pub(crate) held: BTreeSet<u64>,
}

impl Facts {
    fn collect(reader: &Reader, indexes: &[u64], what: What) -> Result<Self, LogError> {
        let size = reader.size()?;
        let held = reader.held()?;
        let mut entries = BTreeMap::new();
        if let Some(index) = indexes.iter().find(|index| **index >= size).copied() {
            return Err(LogError::Unknown { index, size });
        }
        let wanted: BTreeSet<u64> = indexes.iter().copied().collect();
        reader.each_entry(|index, entry| {
            if wanted.contains(&index) {
                entries.insert(index, *entry);
            }
        })?;
        for (index, entry) in &entries {
            if !entry.kind.is_personal() {
                let (index, kind) = (*index, entry.kind.name());
                let change = what.done();
                return Err(LogError::NotPersonal {
                    index,
                    kind,
                    change,
                });
            }
        }
        Ok(Self { entries, held })
    }

    fn keep(&self, wanted: impl Fn(u64) -> bool) -> Vec<u64> {
        self.entries
            .keys()
            .copied()
            .filter(|index| wanted(*index))
            .collect()
    }

    /// The terms of the records, for which everything counts that is about the same decisions.
    fn terms(&self, reader: &Reader) -> Result<Terms, LogError> {
        let mut related: BTreeSet<u64> = self.entries.keys().copied().collect();
        let end = related.last().map_or(0, |last| last + 1);
        // What a record is about comes before it.
        reader.walk(0..end, true, |index, entry| {
            if related.contains(&index) {
                related.extend(entry.about());
            }
            ControlFlow::Continue(())
        })?;
        let mut terms = Terms::new(self.held.clone());
        reader.each_entry(|index, entry| {
            if entry.about().is_some_and(|link| related.contains(&link)) {
                related.insert(index);
                terms.add(index, entry);
            }
        })?;
        Ok(terms)
    }

    /// Whether one of the records is erased before its term; an error when it may not be.
    fn check_erasure(
        &self,
        reader: &Reader,
        months: u32,
        before_term: bool,
    ) -> Result<bool, LogError> {
        let terms = self.terms(reader)?;
        let mut early = false;
        let minute = u32::try_from(now() / 60_000_000).unwrap_or(u32::MAX);
        for (index, entry) in self.entries.iter().filter(|(_, entry)| !entry.erased) {
            let index = *index;
            if terms.is_on_hold(index) {
                return Err(LogError::Held(index));
            }
            let times = terms.times(index, entry);
            if !is_beyond(&times, months, false, minute) {
                early = true;
                if !before_term {
                    let until = end_of_term(&times, months).format("%Y-%m-%d").to_string();
                    return Err(LogError::BeforeTerm { index, until });
                }
            }
        }
        Ok(early)
    }
}
