//! Holds, releases and erasures.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::{Deserialize, Serialize};

use super::core::Core;
use super::facts::Facts;
use super::prepared::Prepared;
use super::recover::LastErasure;
use crate::disk::{DiskFile, How};
use crate::error::LogError;
use crate::event;
use crate::index::{self, Entry};
use crate::keys::Room;
use crate::reader::Reader;
use crate::record::{Kind, Record};
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
    pub(super) fn done(self) -> &'static str {
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

/// Ids are cleared in so many entries of the index at a time, 192 KiB.
const BLOCK: u32 = 4096;

/// The most bytes of a reason.
const MAX_BECAUSE: usize = 4096;

/// A change that may be made: everything that it needs could be read.
pub(crate) struct Checked {
    what: What,
    affected: Vec<u64>,
    record: Vec<Prepared>,
}

impl Core {
    /// Checks a change, without a trace where it is refused.
    pub(crate) fn check(
        &self,
        mut facts: Facts,
        change: &Change,
        by: &str,
        months: u32,
    ) -> Result<Checked, LogError> {
        let reader = Reader::over(
            self.disk.clone(),
            self.layout.clone(),
            Some(self.keys.clone()),
        );
        facts.complete(&reader, self.size)?;
        let (what, affected) = (facts.what, facts.affected());
        let mut is_early = false;
        if what == What::Erase {
            is_early = facts.check_erasure(months, change.before_term)?;
            self.check_keys(&facts, &affected)?;
        }
        let term = Term { months, is_early };
        let record = record_of(what, &affected, change, by, term);
        let record = Prepared::all(vec![record], &self.keys)?;
        Ok(Checked {
            what,
            affected,
            record,
        })
    }

    /// Looks at what an erasure opens to destroy keys: once its record is there, an error stops
    /// the log. What the caller read already is not read again, since every decision waits.
    fn check_keys(&self, facts: &Facts, affected: &[u64]) -> Result<(), LogError> {
        let mut room = Room::default();
        let mut last = None;
        for (epoch, slots) in by_epoch(affected) {
            let read = facts.generations.get(&epoch).copied();
            let len = self.keys.check(&self.layout.seeds(epoch), epoch, read);
            room.add(len.map_err(|error| unreadable(epoch, error))?, slots.len());
            self.open_index(epoch)?;
            last = Some(epoch);
        }
        let Some(epoch) = last else { return Ok(()) };
        let free = self.keys.check_room(&self.layout.seeds(epoch), epoch, room);
        free.map_err(|error| unreadable(epoch, error))
    }

    pub(crate) fn change(&mut self, mut checked: Checked) -> Result<Changed, LogError> {
        let receipts = self.append(&mut checked.record)?;
        if checked.what == What::Erase {
            self.destroy(&checked.affected)?;
        }
        Ok(Changed {
            index: receipts.first().map_or(0, |receipt| receipt.index),
            records: checked.affected.len(),
        })
    }

    /// Destroys keys, and what the index says about the records' ids.
    fn destroy(&mut self, indexes: &[u64]) -> Result<(), LogError> {
        let mut epochs = by_epoch(indexes).into_iter();
        epochs.try_for_each(|(epoch, slots)| self.destroy_in(epoch, &slots))
    }

    fn destroy_in(&mut self, epoch: u64, slots: &BTreeSet<u32>) -> Result<(), LogError> {
        let path = self.layout.seeds(epoch);
        let (mut seeds, generation) = self.keys.seeds(&path, epoch)?;
        if seeds.destroy(slots) {
            self.keys.reseal(&path, epoch, &seeds)?;
        } else {
            self.keys.settle(&path, epoch, &seeds, generation)?;
        }
        if epoch == self.current.epoch {
            self.current.seeds = seeds;
        }
        self.clear_ids(epoch, slots)
    }

    /// Clears the ids in the index where they are, so that no copy of the file stays behind.
    fn clear_ids(&self, epoch: u64, slots: &BTreeSet<u32>) -> Result<(), LogError> {
        let Some(mut file) = self.open_index(epoch)? else {
            return Ok(());
        };
        let path = self.layout.index(epoch);
        let slots: Vec<u32> = slots.iter().copied().collect();
        let mut clear = || {
            for near in slots.chunk_by(|slot, next| slot / BLOCK == next / BLOCK) {
                clear_near(&mut *file, near)?;
            }
            file.sync()
        };
        clear().map_err(|error| LogError::io(&path, error))
    }

    /// The index of an epoch; `None` where it is missing: there are no ids to clear then, and a start
    /// derives it from the records, without those that are erased.
    fn open_index(&self, epoch: u64) -> Result<Option<Box<dyn DiskFile>>, LogError> {
        let path = self.layout.index(epoch);
        match self.disk.open(&path, How::Existing) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some).map_err(|error| LogError::io(&path, error)),
        }
    }

    /// Ends an erasure that a crash may have interrupted, but for what was held behind it: what it
    /// could not destroy, or what somebody restored, can be read and so be held. Answers why it
    /// cannot be ended in some epochs: their files are damaged or missing, or the disk is full, for
    /// which no decision waits.
    pub(crate) fn erase_again(&mut self, last: &LastErasure) -> Result<Option<LogError>, LogError> {
        let reader = Reader::over(
            self.disk.clone(),
            self.layout.clone(),
            Some(self.keys.clone()),
        );
        let erasure: event::Erasure = reader.record(last.index)?.event()?;
        let indexes = without_held(&reader, erasure.indexes, &last.changes)?;
        let mut left = None;
        for (epoch, slots) in by_epoch(&indexes) {
            match self.check_again(epoch, &slots) {
                Err(error) if error.is_lasting() => left = Some(error),
                checked => checked.and_then(|()| self.destroy_in(epoch, &slots))?,
            }
        }
        Ok(left)
    }

    /// Looks at what [`Self::destroy_in`] needs. Where all is destroyed already that is no room.
    fn check_again(&self, epoch: u64, slots: &BTreeSet<u32>) -> Result<(), LogError> {
        let path = self.layout.seeds(epoch);
        let (seeds, generation) = self.keys.seeds(&path, epoch)?;
        let there = slots.iter().filter(|slot| !seeds.is_destroyed(**slot));
        let there = there.count();
        if there > 0 || self.keys.doubled()?.contains_key(&epoch) {
            let mut room = Room::default();
            room.add(self.keys.check(&path, epoch, Some(generation))?, there);
            self.keys.check_room(&path, epoch, room)?;
        }
        self.open_index(epoch).map(drop)
    }
}

/// Records but for those that these holds and releases leave on hold, and all that belongs to the
/// same decision.
fn without_held(
    reader: &Reader,
    mut indexes: Vec<u64>,
    changes: &[u64],
) -> Result<Vec<u64>, LogError> {
    let mut held = BTreeSet::new();
    for change in changes {
        let record = reader.record(*change)?;
        let event: event::Hold = record.event()?;
        let is_hold = record.kind == Kind::Hold;
        for index in event.indexes {
            if is_hold {
                held.insert(index);
            } else {
                held.remove(&index);
            }
        }
    }
    if held.is_empty() {
        return Ok(indexes);
    }
    let decision = |index: &u64| {
        let mut index = *index;
        while let Some(about) = reader.entry(index)?.about().filter(|about| *about < index) {
            index = about;
        }
        Ok::<_, LogError>(index)
    };
    let held = held
        .iter()
        .map(decision)
        .collect::<Result<BTreeSet<_>, _>>()?;
    let decisions = indexes
        .iter()
        .map(decision)
        .collect::<Result<Vec<_>, _>>()?;
    let mut decisions = decisions.iter();
    indexes.retain(|_| decisions.next().is_some_and(|one| !held.contains(one)));
    Ok(indexes)
}

/// Records, as slots of their epochs.
fn by_epoch(indexes: &[u64]) -> BTreeMap<u64, BTreeSet<u32>> {
    let mut by_epoch: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
    for index in indexes {
        let slots = by_epoch.entry(index / EPOCH).or_default();
        slots.insert((index % EPOCH) as u32);
    }
    by_epoch
}

/// The epochs of some records.
pub(super) fn epochs(indexes: &[u64]) -> BTreeSet<u64> {
    indexes.iter().map(|index| index / EPOCH).collect()
}

/// An erasure is refused, since the keys of an epoch cannot be read.
pub(super) fn unreadable(epoch: u64, error: LogError) -> LogError {
    LogError::KeysUnreadable {
        first: epoch * EPOCH,
        last: (epoch + 1) * EPOCH - 1,
        because: Box::new(error),
    }
}

/// Clears the ids of entries, in order, in one read and one write; what lies between them is written
/// as it was read. Only the log's thread writes the index.
fn clear_near(file: &mut dyn DiskFile, slots: &[u32]) -> io::Result<()> {
    let (Some(first), Some(last)) = (slots.first(), slots.last()) else {
        return Ok(());
    };
    let offset = u64::from(*first) * index::LEN as u64;
    let mut bytes = vec![0; (last - first + 1) as usize * index::LEN];
    let read = file.read_at(offset, &mut bytes)?;
    bytes.truncate(read);
    for slot in slots {
        let at = (slot - first) as usize * index::LEN;
        // Also where the flag is set: a crash may have kept the ids, in the next sector.
        if let Some(bytes) = bytes.get_mut(at..at + index::LEN)
            && let Some(entry) = Entry::from_bytes(bytes)
        {
            bytes.copy_from_slice(&entry.erase().to_bytes());
        }
    }
    // Also over itself: after a sync that failed, what is shown may not be on the disk.
    file.write_at(offset, &bytes)
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

/// Refuses a change that names nothing or gives no reason.
pub(super) fn check(change: &Change) -> Result<(), LogError> {
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
