//! One epoch: its records, and what can be derived from them alone.

use super::derived::{Crash, Difference};
use super::{Check, Problem};
use crate::body;
use crate::digest::Digest;
use crate::disk::How;
use crate::error::LogError;
use crate::event;
use crate::frame::{Bad, Frame};
use crate::index::{self, Entry};
use crate::keys::Keys;
use crate::leaf;
use crate::record::Kind;
use crate::scan::{entry, scan, was_synced_beyond};
use crate::seeds::{EPOCH, Key, Seeds};
use crate::tiles::Builder;
use crate::tree::{Frontier, Hash};

/// What the records of an epoch say.
#[derive(Debug, Default)]
pub(crate) struct Epoch {
    pub(crate) number: u64,
    pub(crate) count: u64,
    /// Bytes of the segment.
    pub(crate) file: u64,
    pub(crate) bad: Option<Bad>,
    /// Whether a later record says that what is bad was synced.
    pub(crate) vouched: bool,
    /// Of the first and the last record.
    pub(crate) minutes: (u32, u32),
    pub(crate) root: Hash,
    /// The tree of this epoch at the sizes that were asked for.
    pub(crate) marks: Vec<(u64, Frontier)>,
    /// Records whose keys are gone.
    pub(crate) erased: Vec<u64>,
    /// Records that were erased, as records of this epoch say.
    pub(crate) erasures: Vec<u64>,
    /// Of these the ones that its last record names.
    pub(crate) last_erased: Vec<u64>,
    pub(crate) models: Vec<Digest>,
    /// Of the last epoch alone.
    pub(crate) leaves: Vec<[u8; leaf::LEN]>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) notes: Vec<String>,
}

/// How epochs are read.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) check: &'a Check,
    /// Sizes at which the root is wanted.
    pub(crate) marks: &'a [u64],
    pub(crate) last: u64,
}

/// What is derived while an epoch is read.
struct Reading<'a> {
    work: Work<'a>,
    epoch: Epoch,
    frontier: Frontier,
    builder: Builder,
    keys: Option<(&'a Keys, Seeds)>,
    index: Vec<u8>,
    /// Bytes that the file of the index had before the records were read.
    indexed: u64,
    buffer: Vec<u8>,
    synced: u64,
}

impl Work<'_> {
    pub(crate) fn read(&self, number: u64) -> Result<Epoch, LogError> {
        let check = self.check;
        // First: a record is on the disk before its entry is, so all of these have to be there.
        let index = check.disk.open(&check.layout.index(number), How::Read);
        let indexed = index.and_then(|index| index.len()).unwrap_or(0);
        let mut reading = Reading {
            work: *self,
            epoch: Epoch {
                number,
                ..Epoch::default()
            },
            frontier: Frontier::default(),
            builder: Builder::default(),
            keys: None,
            index: Vec::new(),
            indexed,
            buffer: Vec::new(),
            synced: 0,
        };
        reading.builder.begin_at(number);
        reading.open_seeds();
        let (disk, layout) = (&*check.disk, &check.layout);
        let read = scan(disk, layout, number, |offset, frame| {
            reading.record(offset, frame);
            Ok(())
        })?;
        let epoch = &mut reading.epoch;
        (epoch.count, epoch.file, epoch.bad) = (read.count, read.file, read.bad);
        if read.bad.is_some() {
            let records = number * EPOCH + read.count;
            let tail = read.end..read.file;
            epoch.vouched = was_synced_beyond(disk, layout, number, tail, records)?;
        }
        epoch.root = reading.frontier.root();
        reading.end();
        Ok(reading.epoch)
    }
}

impl Reading<'_> {
    fn problem(&mut self, place: String, problem: impl Into<String>) {
        let problem = problem.into();
        // Enough to see what is wrong.
        if self.epoch.problems.len() < 20 {
            self.epoch.problems.push(Problem { place, problem });
        }
    }

    fn open_seeds(&mut self) {
        let check = self.work.check;
        let number = self.epoch.number;
        let Some(keys) = &check.keys else { return };
        match keys.seeds(&check.layout.seeds(number), number) {
            Ok((seeds, _)) => self.keys = Some((keys, seeds)),
            Err(error) => self.problem(format!("seeds/{number:08}"), error.to_string()),
        }
    }

    fn record(&mut self, offset: u64, frame: &Frame<'_>) {
        let place = || format!("record {}", frame.index);
        let leaf = frame.leaf;
        self.epoch.last_erased.clear();
        if Digest::from_content(frame.sealed) != leaf.sealed {
            self.problem(place(), "the sealed body is not the one of the leaf");
        }
        let first = frame.index.is_multiple_of(EPOCH);
        if first {
            self.epoch.minutes = (leaf.minute, leaf.minute);
        }
        if leaf.minute < self.epoch.minutes.1 {
            self.problem(place(), "the record is older than the one before");
        }
        self.epoch.minutes.1 = leaf.minute;
        if frame.synced > frame.index || frame.synced < self.synced {
            self.problem(place(), "the number of synced records is impossible");
        }
        self.synced = frame.synced;
        if leaf.link.is_some_and(|link| link >= frame.index) {
            self.problem(place(), "the record is about one that comes later");
        }
        if !leaf.model.is_none() && self.epoch.models.last() != Some(&leaf.model) {
            self.epoch.models.push(leaf.model);
        }
        self.body(offset, frame);
        let bytes = leaf.to_bytes();
        let hash = leaf.hash();
        self.frontier.push(0, hash);
        if self.work.marks.contains(&(frame.index + 1)) {
            let mark = (frame.index + 1, self.frontier.clone());
            self.epoch.marks.push(mark);
        }
        if self.epoch.number == self.work.last {
            self.epoch.leaves.push(bytes);
        } else {
            self.builder.push(&bytes, hash);
            self.tiles();
        }
    }

    /// Opens the body and derives the entry of the index.
    fn body(&mut self, offset: u64, frame: &Frame<'_>) {
        let Some((keys, seeds)) = &mut self.keys else {
            return;
        };
        match entry(offset, frame, keys, seeds, &mut self.buffer) {
            Ok(entry) => {
                self.index.extend_from_slice(&entry.to_bytes());
                if entry.erased {
                    self.epoch.erased.push(frame.index);
                    if !frame.leaf.kind.is_personal() {
                        self.problem(
                            format!("record {}", frame.index),
                            "the key of a record that cannot be erased is gone",
                        );
                    }
                } else if frame.leaf.kind == Kind::Erasure {
                    let key = seeds.key((frame.index % EPOCH) as u32);
                    self.erasure(frame, key);
                }
            }
            Err(error) => {
                // An entry all the same, so that the ones after it are where they belong.
                self.index.extend_from_slice(&[0; index::LEN]);
                self.epoch.problems.push(Problem {
                    place: format!("record {}", frame.index),
                    problem: error.to_string(),
                });
            }
        }
    }

    fn erasure(&mut self, frame: &Frame<'_>, key: Option<Key>) {
        match open_erasure(frame, key) {
            Some(erasure) => {
                self.epoch.erasures.extend(&erasure.indexes);
                self.epoch.last_erased = erasure.indexes;
            }
            None => self.problem(
                format!("record {}", frame.index),
                "an erasure that cannot be read",
            ),
        }
    }

    /// Compares the tiles that became complete.
    fn tiles(&mut self) {
        for (tile, bytes) in self.builder.take_complete() {
            if tile.level.is_some_and(|level| level > 1) {
                continue;
            }
            let path = tile.path();
            let difference = self.work.check.derived(&path, &bytes, Crash::TILE);
            self.add(path, difference);
        }
    }

    fn add(&mut self, path: String, difference: Difference) {
        match difference {
            Difference::None => {}
            Difference::Note(note) => self.epoch.notes.push(note),
            Difference::Problem(problem) => self.problem(path, problem),
        }
    }

    /// What can be said when all records were read.
    fn end(&mut self) {
        let number = self.epoch.number;
        if let Some((_, seeds)) = &self.keys {
            let gone = seeds.destroyed(EPOCH as u32);
            if gone.iter().any(|slot| u64::from(*slot) >= self.epoch.count) {
                self.problem(
                    format!("seeds/{number:08}"),
                    "the key of a record that does not exist yet is gone",
                );
            }
            self.index();
        }
    }

    /// Compares the index.
    fn index(&mut self) {
        let Some((keys, _)) = &self.keys else { return };
        let (check, number) = (self.work.check, self.epoch.number);
        let path = format!("index/{number:08}");
        let mut found = check.disk.read(&check.layout.path(&path));
        let mut expected = std::mem::take(&mut self.index);
        // What a running server has added since is of records that were not read.
        let known = usize::try_from(self.indexed).unwrap_or(usize::MAX);
        if let Ok(found) = &mut found {
            found.truncate(known.max(expected.len()));
        }
        // Beside a running server a record may have been erased since its key was read here. Its
        // key goes first, so an index that was read before the seeds shows no erasure that they
        // do not.
        if check.open
            && let Ok((seeds, _)) = keys.seeds(&check.layout.seeds(number), number)
        {
            erase(&mut expected, &seeds);
        }
        let crash = Crash {
            // The index of an epoch is synced before the next epoch begins.
            torn: number == self.work.last,
            erasing: true,
        };
        let difference = check.compare(&path, found, &expected, crash);
        self.add(path, difference);
    }
}

/// What a record of an erasure says.
pub(super) fn open_erasure(frame: &Frame<'_>, key: Option<Key>) -> Option<event::Erasure> {
    let mut sealed = frame.sealed.to_vec();
    let commitment = &frame.leaf.commitment;
    let opened = body::open(&mut sealed, frame.index, &key?, frame.nonce, commitment);
    let event = opened.ok()?.details()?.event?;
    serde_json::from_value(event).ok()
}

/// Erases the entries of the index whose keys are gone.
fn erase(index: &mut [u8], seeds: &Seeds) {
    let slots = (index.len() / index::LEN) as u32;
    for slot in seeds.destroyed(slots) {
        let begin = slot as usize * index::LEN;
        let entry = index.get_mut(begin..begin + index::LEN);
        if let Some(bytes) = entry
            && let Some(entry) = Entry::from_bytes(bytes)
        {
            bytes.copy_from_slice(&entry.erase().to_bytes());
        }
    }
}
