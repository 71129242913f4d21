//! Reads the index: an entry, or one after the other.

use std::io;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::Reader;
use crate::disk::{DiskFile, How};
use crate::error::LogError;
use crate::index::{Entry, LEN};
use crate::seeds::EPOCH;
use crate::stored::derive_index;

/// So many entries are in memory at a time, 192 KiB; an epoch has a whole number of them.
const BLOCK: u64 = 4096;

/// The index of an epoch.
pub(super) struct Index {
    path: PathBuf,
    source: Source,
}

enum Source {
    File(Box<dyn DiskFile>),
    /// The file is absent, short or too long: the bytes that it should have, derived from the
    /// records.
    Records(Arc<Vec<u8>>),
}

/// An index that is derived from the records once it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Derived {
    epoch: u64,
    /// The records that it has at least.
    least: u64,
    bytes: Arc<OnceLock<Arc<Vec<u8>>>>,
}

impl Index {
    /// Entries that there are.
    pub(super) fn len(&self) -> Result<u64, LogError> {
        let bytes = match &self.source {
            Source::File(file) => file
                .len()
                .map_err(|error| LogError::io(&self.path, error))?,
            Source::Records(bytes) => bytes.len() as u64,
        };
        Ok((bytes / LEN as u64).min(EPOCH))
    }

    /// One entry; `None` behind the end.
    pub(super) fn entry(&mut self, slot: u64) -> Result<Option<Entry>, LogError> {
        let bytes = self.read(slot..slot + 1)?;
        let first = bytes.chunks_exact(LEN).next();
        first.map(|entry| self.decode(entry)).transpose()
    }

    /// The bytes of some entries, less only at the end.
    fn read(&mut self, slots: Range<u64>) -> Result<Vec<u8>, LogError> {
        let [start, end] = [slots.start, slots.end].map(|slot| slot.min(EPOCH) as usize * LEN);
        match &mut self.source {
            Source::File(file) => {
                let mut bytes = vec![0; end - start];
                let read = file.read_at(start as u64, &mut bytes);
                let read = read.map_err(|error| LogError::io(&self.path, error))?;
                bytes.truncate(read);
                Ok(bytes)
            }
            Source::Records(bytes) => {
                let end = end.min(bytes.len());
                Ok(bytes.get(start..end).unwrap_or_default().to_vec())
            }
        }
    }

    fn decode(&self, entry: &[u8]) -> Result<Entry, LogError> {
        Entry::from_bytes(entry).ok_or_else(|| {
            LogError::damaged(
                self.path.display().to_string(),
                "an entry is not readable: stop the server, remove the file, and start it again",
            )
        })
    }
}

impl Reader {
    pub(super) fn index(&self, epoch: u64) -> Result<Index, LogError> {
        let path = self.layout.index(epoch);
        let mut derived = self.derived.iter();
        let source = match derived.find(|derived| derived.epoch == epoch) {
            Some(derived) => Source::Records(self.derive_once(derived)?),
            None => match self.disk.open(&path, How::Read) {
                Ok(file) => Source::File(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Source::Records(self.derive(epoch, 0)?)
                }
                Err(error) => return Err(LogError::io(&path, error)),
            },
        };
        Ok(Index { path, source })
    }

    fn derive_once(&self, derived: &Derived) -> Result<Arc<Vec<u8>>, LogError> {
        let bytes = match derived.bytes.get() {
            Some(bytes) => bytes,
            None => {
                let bytes = self.derive(derived.epoch, derived.least)?;
                derived.bytes.get_or_init(|| bytes)
            }
        };
        Ok(Arc::clone(bytes))
    }

    /// The index of an epoch, of so many records at least, and of all that the checkpoint covers.
    fn derive(&self, epoch: u64, least: u64) -> Result<Arc<Vec<u8>>, LogError> {
        let derive = || derive_index(&*self.disk, &self.layout, self.keys()?, epoch);
        // An erasure may have replaced the key between the two files.
        let (bytes, scan) = derive().or_else(|_| derive())?;
        scan.check(&self.layout, epoch, least.max(self.covered(epoch)))?;
        Ok(Arc::new(bytes))
    }

    /// How many records of an epoch the checkpoint covers.
    fn covered(&self, epoch: u64) -> u64 {
        let size = self.signed().map_or(0, |(_, checkpoint)| checkpoint.size);
        size.saturating_sub(epoch * EPOCH).min(EPOCH)
    }

    /// The indexes that do not end where the records do: a power failure leaves the last one short
    /// until the log is opened for writing. To derive them takes the keys.
    pub(super) fn wrong_indexes(&self) -> Result<Vec<Derived>, LogError> {
        let epochs = self.layout.epochs(&*self.disk)?;
        let mut wrong = Vec::new();
        for epoch in 0..epochs {
            let is_last = epoch + 1 == epochs;
            let least = match is_last {
                true => self.least_of_wrong(epoch)?,
                false => (self.entries(epoch)? < EPOCH).then_some(EPOCH),
            };
            wrong.extend(least.map(|least| Derived {
                epoch,
                least,
                bytes: Arc::default(),
            }));
        }
        Ok(wrong)
    }

    /// How many entries the file of an index has.
    fn entries(&self, epoch: u64) -> Result<u64, LogError> {
        let path = self.layout.index(epoch);
        match self.disk.open(&path, How::Read).and_then(|file| file.len()) {
            Ok(bytes) => Ok((bytes / LEN as u64).min(EPOCH)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(LogError::io(&path, error)),
        }
    }

    /// Records that the last epoch has at least, if its index has less or more. A writer that runs
    /// is not asked for what it has not yet said to be recorded.
    fn least_of_wrong(&self, epoch: u64) -> Result<Option<u64>, LogError> {
        // Asked first: a writer that runs signs nothing that is not in its index.
        let covered = self.covered(epoch);
        let entries = self.entries(epoch)?;
        if entries < covered {
            return Ok(Some(entries));
        }
        let last = self.last_entry(epoch, entries);
        // Whatever no checkpoint covers has to be there: a record is written before its entry is.
        let is_there = |entry: &Entry| self.is_at(epoch * EPOCH + entries - 1, entry);
        if entries > covered && last.is_some_and(|entry| !is_there(&entry)) {
            return Ok(Some(covered));
        }
        if self.keys.is_none() {
            return Ok(None);
        }
        let path = self.layout.records(epoch);
        let records = self.disk.open(&path, How::Read).and_then(|file| file.len());
        let records = records.map_err(|error| LogError::io(&path, error))?;
        let (least, end) = last.map_or((0, 0), |entry| (entries, entry.end()));
        let path = self.layout.lock();
        let is_locked = || self.disk.is_locked(&path);
        let is_short = end < records && !is_locked().map_err(|error| LogError::io(&path, error))?;
        Ok(is_short.then_some(least))
    }

    /// The last of so many entries; `None` where there are none, and for one that cannot be read:
    /// so a file may end that a power failure left.
    fn last_entry(&self, epoch: u64, entries: u64) -> Option<Entry> {
        let last = entries.checked_sub(1)?;
        self.index(epoch).ok()?.entry(last).ok()?
    }

    /// Whether a record is where its entry says.
    fn is_at(&self, index: u64, entry: &Entry) -> bool {
        let bytes = self.frame_bytes(index, entry);
        bytes.is_ok_and(|bytes| self.parse(index, &bytes).is_ok())
    }

    pub(crate) fn entry(&self, index: u64) -> Result<Entry, LogError> {
        let epoch = self.index(index / EPOCH);
        let entry = epoch.and_then(|mut epoch| epoch.entry(index % EPOCH));
        match entry {
            Ok(Some(entry)) => Ok(entry),
            // Behind the end of the log nothing can be read, and nothing is wrong.
            other => match self.size()? {
                size if index < size => other?.ok_or(LogError::Unknown { index, size }),
                size => Err(LogError::Unknown { index, size }),
            },
        }
    }

    /// Every entry of the index, in order.
    pub(crate) fn each_entry(&self, mut each: impl FnMut(u64, &Entry)) -> Result<(), LogError> {
        self.walk(0..u64::MAX, false, |index, entry| {
            each(index, entry);
            ControlFlow::Continue(())
        })
    }

    /// The entries of these records, oldest or newest first, until `each` breaks off.
    pub(crate) fn walk(
        &self,
        records: Range<u64>,
        newest_first: bool,
        mut each: impl FnMut(u64, &Entry) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let size = self.size()?;
        let (start, end) = (records.start, records.end.min(size));
        if start >= end {
            return Ok(());
        }
        for epoch in steps(start / EPOCH..end.div_ceil(EPOCH), newest_first) {
            let base = epoch * EPOCH;
            let mut index = self.index(epoch)?;
            let slots = start.saturating_sub(base)..(end - base).min(EPOCH);
            for block in steps(slots.start / BLOCK..slots.end.div_ceil(BLOCK), newest_first) {
                let first = slots.start.max(block * BLOCK);
                let last = slots.end.min((block + 1) * BLOCK);
                let bytes = index.read(first..last)?;
                // Of the last epoch less may be there, where a log that stopped was cut.
                if base + EPOCH <= size && bytes.len() as u64 / (LEN as u64) < last - first {
                    return Err(LogError::damaged(
                        index.path.display().to_string(),
                        "the file is cut off: stop the server and start it again",
                    ));
                }
                for at in steps(0..(bytes.len() / LEN) as u64, newest_first) {
                    let entry = index.decode(&bytes[at as usize * LEN..][..LEN])?;
                    if each(base + first + at, &entry).is_break() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

/// The numbers of a range, forward or backward.
fn steps(range: Range<u64>, backward: bool) -> impl Iterator<Item = u64> {
    let (start, end) = (range.start, range.end);
    range.map(move |at| if backward { start + (end - 1 - at) } else { at })
}
