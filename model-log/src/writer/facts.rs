//! What a hold, a release or an erasure has to know of the log.
//!
//! Whoever asks for one reads it, which takes the time of the whole index: the log's own thread, for
//! which every decision waits, only adds what has come since.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::change::{What, epochs, unreadable};
use super::prepared::now;
use crate::error::LogError;
use crate::event;
use crate::index::Entry;
use crate::reader::{Opened, Reader};
use crate::record::Kind;
use crate::retention::{Holds, Terms, end_of_term, is_beyond};
use crate::seeds::EPOCH;

/// What is known about the records that are to be changed.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(super) what: What,
    /// Records of the log that were looked at.
    size: u64,
    /// Those that are named. For an erasure with all that is about them: a shadow's answer, an
    /// override or a notice holds the applicant's data too, and is erased with the decision.
    indexes: BTreeSet<u64>,
    entries: BTreeMap<u64, Entry>,
    /// For an erasure: these records, what they are about, and what is about any of them.
    related: BTreeSet<u64>,
    /// Of these the ones that are about another, in the order of the log.
    linked: Vec<(u64, Entry)>,
    /// Which of them are on hold, however many others are.
    holds: Holds,
    /// Why the last hold or release that cannot be read could not.
    unread: Option<LogError>,
    /// For an erasure: those that are erased and have a key again, as after a restore.
    restored: BTreeSet<u64>,
    /// For an erasure: the epochs whose keys were read, and of which generation they were.
    pub(super) generations: BTreeMap<u64, u32>,
}

impl Facts {
    /// Reads all of it up to record `size`, of a log that has acknowledged so many: the marks of
    /// an erasure that is acknowledged are in the index.
    ///
    /// # Errors
    /// When one of them does not exist, the index cannot be read, or the keys of one that is to be
    /// erased.
    pub(super) fn read(
        reader: &Reader,
        what: What,
        named: &[u64],
        size: u64,
    ) -> Result<Self, LogError> {
        if let Some(index) = named.iter().copied().find(|index| *index >= size) {
            return Err(LogError::Unknown { index, size });
        }
        let mut facts = Self {
            what,
            size: 0,
            indexes: named.iter().copied().collect(),
            entries: BTreeMap::new(),
            related: BTreeSet::new(),
            linked: Vec::new(),
            holds: Holds::default(),
            unread: None,
            restored: BTreeSet::new(),
            generations: BTreeMap::new(),
        };
        if what == What::Erase {
            for index in named {
                facts.climb(reader, *index)?;
            }
        }
        facts.update(reader, size)?;
        if what == What::Erase {
            facts.read_keys(reader)?;
        }
        Ok(facts)
    }

    /// Reads the keys of the records that are to be erased: all of them, before any is destroyed.
    fn read_keys(&mut self, reader: &Reader) -> Result<(), LogError> {
        let affected = epochs(&self.affected());
        let named: Vec<u64> = self.entries.keys().copied().collect();
        for named in named.chunk_by(|one, next| one / EPOCH == next / EPOCH) {
            let epoch = named[0] / EPOCH;
            let (seeds, generation) = match reader.seeds_and_generation(epoch) {
                Ok(keys) => keys,
                // All that is named of it is erased, and cannot have come back.
                Err(error) if error.is_missing() && !affected.contains(&epoch) => continue,
                Err(error) => return Err(unreadable(epoch, error)),
            };
            self.generations.insert(epoch, generation);
            let has_key = |index: &u64| !seeds.is_destroyed((index % EPOCH) as u32);
            let restored = named.iter().filter(|index| self.entries[index].erased);
            self.restored
                .extend(restored.copied().filter(|index| has_key(index)));
        }
        Ok(())
    }

    /// A record, what it is about, what that is about, and so on.
    fn climb(&mut self, reader: &Reader, index: u64) -> Result<(), LogError> {
        let mut next = Some(index);
        while let Some(index) = next
            && self.related.insert(index)
        {
            next = reader.entry(index)?.about();
        }
        Ok(())
    }

    /// Brings it up to record `size`, which is the end of the log, and checks what is named.
    pub(super) fn complete(&mut self, reader: &Reader, size: u64) -> Result<(), LogError> {
        self.update(reader, size)?;
        for (index, entry) in &self.entries {
            if !entry.kind.is_personal() {
                return Err(LogError::NotPersonal {
                    index: *index,
                    kind: entry.kind.name(),
                    change: self.what.done(),
                });
            }
        }
        self.check_holds()
    }

    /// Refuses what depends on a hold or release that cannot be read. A hold does not: to hold a
    /// record twice harms nothing.
    fn check_holds(&mut self) -> Result<(), LogError> {
        let is_gone = |index: &u64| {
            let entry = self.entries.get(index);
            entry.is_some_and(|entry| self.is_gone(*index, entry))
        };
        let mut named = self.indexes.union(&self.related);
        let unknown = named.find_map(|index| {
            let change = self.holds.is_on_hold(*index).err();
            change
                .filter(|_| !is_gone(index))
                .map(|change| (*index, change))
        });
        match (self.what, unknown, self.unread.take()) {
            (What::Release | What::Erase, Some((index, change)), Some(error)) => {
                Err(LogError::HoldUnreadable {
                    index,
                    change,
                    because: Box::new(error),
                })
            }
            _ => Ok(()),
        }
    }

    /// Looks at the records that were not looked at yet.
    fn update(&mut self, reader: &Reader, size: u64) -> Result<(), LogError> {
        let (from, mut changes) = (self.size, Vec::new());
        reader.walk(from..size, false, |index, entry| {
            let is_change = matches!(entry.kind, Kind::Hold | Kind::Release);
            // What was erased up to then has its mark in the index.
            if is_change || entry.kind == Kind::Erasure && from > 0 {
                changes.push((index, entry.kind));
            }
            self.add(index, entry);
            ControlFlow::Continue(())
        })?;
        self.size = size;
        let mut opener = reader.opener();
        for (index, kind) in changes {
            let opened = opener.record(index);
            match opened.and_then(|opened| self.apply(&opened, kind)) {
                Err(error) if kind != Kind::Erasure && error.is_lasting() => {
                    self.holds.skip(index);
                    self.unread = Some(error);
                }
                applied => applied?,
            }
        }
        Ok(())
    }

    fn add(&mut self, index: u64, entry: &Entry) {
        let is_erasure = self.what == What::Erase;
        let about = entry.about().filter(|_| is_erasure);
        let is_about = |records: &BTreeSet<u64>| about.is_some_and(|link| records.contains(&link));
        if self.indexes.contains(&index) || is_about(&self.indexes) {
            self.indexes.insert(index);
            self.entries.insert(index, *entry);
        }
        if is_about(&self.related) {
            self.related.insert(index);
            self.linked.push((index, *entry));
        }
    }

    /// What a hold, a release or an erasure did.
    fn apply(&mut self, change: &Opened, kind: Kind) -> Result<(), LogError> {
        if kind == Kind::Erasure {
            let erasure: event::Erasure = change.event()?;
            for index in erasure.indexes {
                if let Some(entry) = self.entries.get_mut(&index) {
                    *entry = entry.erase();
                }
            }
            return Ok(());
        }
        let hold: event::Hold = change.event()?;
        for index in hold.indexes {
            // Only what is there can be held, so that it is known by now whether it matters.
            if self.indexes.contains(&index) || self.related.contains(&index) {
                match kind {
                    Kind::Hold => self.holds.hold(index),
                    _ => self.holds.release(index),
                }
            }
        }
        Ok(())
    }

    /// Whether nothing can be read of a record any more.
    fn is_gone(&self, index: u64, entry: &Entry) -> bool {
        entry.erased && !self.restored.contains(&index)
    }

    /// The records that are changed: those that are not what they are to be already.
    pub(super) fn affected(&self) -> Vec<u64> {
        let is_affected = |(index, entry): (&u64, &Entry)| match self.what {
            What::Hold => self.holds.is_on_hold(*index) != Ok(true),
            What::Release => self.holds.is_on_hold(*index) == Ok(true),
            What::Erase => !self.is_gone(*index, entry),
        };
        let entries = self.entries.iter();
        entries
            .filter(|(index, entry)| is_affected((index, entry)))
            .map(|(index, _)| *index)
            .collect()
    }

    /// Whether one of the records is erased before its term; an error when it may not be.
    pub(super) fn check_erasure(&self, months: u32, before_term: bool) -> Result<bool, LogError> {
        let mut terms = Terms::new(self.holds.clone());
        let linked = self.linked.iter();
        linked.for_each(|(index, entry)| terms.add(*index, entry));
        let mut early = false;
        let minute = u32::try_from(now() / 60_000_000).unwrap_or(u32::MAX);
        for (index, entry) in &self.entries {
            let index = *index;
            if !self.is_gone(index, entry) && terms.is_on_hold(index) {
                return Err(LogError::Held(index));
            }
            // The term of one that came back had ended, or nobody waited for that.
            if entry.erased {
                continue;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;
    use crate::record::Record;
    use crate::{Change, Options, Writer};

    /// The log's thread once copied all that was on hold, for each erasure.
    #[test]
    fn of_what_is_on_hold_only_what_a_change_is_about_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let log = Writer::open(folder.path(), Options::default()).unwrap();
        let mut records = vec![Record::new(Kind::Decision); 1000];
        records[7].link = Some(3);
        log.append(records).unwrap().wait().unwrap();
        let change = |indexes: Vec<u64>| Change {
            indexes,
            because: "a test".to_owned(),
            before_term: true,
        };
        log.hold(&change((0..1000).collect()), "test").unwrap();
        log.release(&change(vec![4]), "test").unwrap();
        let size = log.status().records;
        for (what, named, held) in [
            (What::Erase, 3, vec![3, 7]),
            (What::Erase, 7, vec![3, 7]),
            (What::Erase, 4, vec![]),
            (What::Hold, 5, vec![5]),
            (What::Release, 4, vec![]),
        ] {
            let facts = Facts::read(&log.reader(), what, &[named], size).unwrap();
            assert_eq!(
                Vec::from_iter(facts.holds.into_on_hold()),
                held,
                "{what:?} {named}"
            );
        }
        assert!(matches!(
            log.erase(&change(vec![3]), "test"),
            Err(LogError::Held(3))
        ));
        log.erase(&change(vec![4]), "test").unwrap();
    }
}
