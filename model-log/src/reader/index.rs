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
    /// The file is absent or short: the bytes that it should have, derived from the records.
    Records(Arc<Vec<u8>>),
}

/// The index of an epoch, derived from the records once it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Derived {
    epoch: u64,
    bytes: Arc<OnceLock<Arc<Vec<u8>>>>,
}

impl Derived {
    pub(super) fn of(epoch: u64) -> Self {
        Self {
            epoch,
            bytes: Arc::default(),
        }
    }
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
        let derived = self.derived.as_ref();
        if let Some(derived) = derived.filter(|derived| derived.epoch == epoch) {
            let bytes = match derived.bytes.get() {
                Some(bytes) => Arc::clone(bytes),
                None => {
                    let bytes = self.derive(epoch)?;
                    Arc::clone(derived.bytes.get_or_init(|| bytes))
                }
            };
            let source = Source::Records(bytes);
            return Ok(Index { path, source });
        }
        let source = match self.disk.open(&path, How::Read) {
            Ok(file) => Source::File(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Source::Records(self.derive(epoch)?)
            }
            Err(error) => return Err(LogError::io(&path, error)),
        };
        Ok(Index { path, source })
    }

    fn derive(&self, epoch: u64) -> Result<Arc<Vec<u8>>, LogError> {
        derive_index(&*self.disk, &self.layout, self.keys()?, epoch).map(Arc::new)
    }

    /// The last epoch, if its index ends before its records do, as a power failure leaves it until
    /// the log is opened for writing, and if there are keys to derive it with. A writer that runs
    /// writes records first: then it may be so for a moment.
    pub(super) fn short_index(&self) -> Result<Option<u64>, LogError> {
        let last = self.layout.epochs(&*self.disk)?.checked_sub(1);
        let (Some(epoch), Some(_)) = (last, &self.keys) else {
            return Ok(None);
        };
        let path = self.layout.records(epoch);
        let records = self.disk.open(&path, How::Read).and_then(|file| file.len());
        let records = records.map_err(|error| LogError::io(&path, error))?;
        let path = self.layout.index(epoch);
        let source = match self.disk.open(&path, How::Read) {
            Ok(file) => Source::File(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(epoch)),
            Err(error) => return Err(LogError::io(&path, error)),
        };
        let mut index = Index { path, source };
        let end = match index.len()?.checked_sub(1) {
            // An entry that is not readable is where a file ends that a power failure left.
            Some(last) => index.entry(last).ok().flatten().map(Entry::end),
            None => Some(0),
        };
        Ok(end.is_none_or(|end| end < records).then_some(epoch))
    }

    pub(super) fn entry(&self, index: u64) -> Result<Entry, LogError> {
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
    pub(super) fn walk(
        &self,
        records: Range<u64>,
        newest_first: bool,
        mut each: impl FnMut(u64, &Entry) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let (start, end) = (records.start, records.end.min(self.size()?));
        if start >= end {
            return Ok(());
        }
        for epoch in steps(start / EPOCH..end.div_ceil(EPOCH), newest_first) {
            let base = epoch * EPOCH;
            let mut index = self.index(epoch)?;
            let slots = start.saturating_sub(base)..(end - base).min(EPOCH);
            for block in steps(slots.start / BLOCK..slots.end.div_ceil(BLOCK), newest_first) {
                let first = slots.start.max(block * BLOCK);
                let bytes = index.read(first..slots.end.min((block + 1) * BLOCK))?;
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
