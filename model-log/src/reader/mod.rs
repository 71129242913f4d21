//! Reads a log, also beside a running writer.

mod index;
mod opened;
mod search;
mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::index::Derived;
pub use self::opened::Opened;
use self::opened::open_frame;
pub use self::search::{Found, Query};
use crate::digest::Digest;
use crate::disk::{Disk, How, RealDisk};
use crate::error::LogError;
use crate::event;
use crate::frame::{self, Frame, Parsed};
use crate::index::Entry;
use crate::keys::{self, Keys};
use crate::layout::Layout;
use crate::note::{Checkpoint, Verifier};
use crate::record::Kind;
use crate::retention::Holds;
use crate::seeds::{EPOCH, Seeds};
use crate::stored::read_checkpoint;

/// Reads a log. Takes no lock.
#[derive(Debug, Clone)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    layout: Layout,
    /// Without them the bodies stay closed.
    keys: Option<Keys>,
    /// The indexes whose files say less than the records do, or more.
    derived: Vec<Derived>,
}

/// Opens records, for which the keys of an epoch (65,536 records) are read: where many were erased
/// that takes milliseconds, so open those of an epoch one after the other. Make another one for
/// each look at the log: this one does not see what is erased meanwhile.
pub struct Opener<'a> {
    reader: &'a Reader,
    /// Those that were read last, and of which epoch; or why they cannot be: whoever opens thousands
    /// of records of that epoch would read them thousands of times.
    seeds: Option<(u64, Result<Seeds, LogError>)>,
}

impl std::fmt::Debug for Opener<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the keys.
        formatter.debug_struct("Opener").finish_non_exhaustive()
    }
}

impl Opener<'_> {
    /// Reads and opens one record.
    ///
    /// # Errors
    /// As [`Reader::record`].
    pub fn record(&mut self, index: u64) -> Result<Opened, LogError> {
        let (reader, epoch) = (self.reader, index / EPOCH);
        let bytes = reader.frame_bytes(index, &reader.entry(index)?)?;
        let frame = reader.parse(index, &bytes)?;
        let seeds = match self.seeds.take() {
            Some((of, seeds)) if of == epoch => seeds,
            _ => reader.seeds(epoch),
        };
        match seeds {
            Ok(mut seeds) => {
                let opened = open_frame(&frame, &mut seeds);
                self.seeds = Some((epoch, Ok(seeds)));
                opened
            }
            Err(error) if error.is_lasting() => {
                let again = error.again();
                self.seeds = Some((epoch, Err(error)));
                Err(again)
            }
            Err(error) => Err(error),
        }
    }
}

impl Reader {
    /// Opens the log in `folder` for reading. `keys` is the folder of its keys, `FOLDER/keys`
    /// when `None`; without readable keys the bodies stay closed.
    ///
    /// # Errors
    /// When there is no log, or one of another version, or keys that others can read.
    pub fn open(folder: &Path, keys: Option<&Path>) -> Result<Self, LogError> {
        Self::open_on(Arc::new(RealDisk), folder, keys)
    }

    /// As [`Reader::open`], on another disk.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        keys: Option<&Path>,
    ) -> Result<Self, LogError> {
        let layout = Layout::new(folder);
        if layout.origin(&*disk)?.is_none() {
            return Err(LogError::NoLog(folder.to_owned()));
        }
        let default = layout.keys();
        let key_folder = keys.unwrap_or(&default);
        let opened = if keys.is_some() || keys::are_there(&*disk, key_folder) {
            Some(Keys::open(Arc::clone(&disk), key_folder)?)
        } else {
            None
        };
        let mut reader = Self::over(disk, layout, opened);
        reader.derived = reader.wrong_indexes()?;
        Ok(reader)
    }

    pub(crate) fn over(disk: Arc<dyn Disk>, layout: Layout, keys: Option<Keys>) -> Self {
        Self {
            disk,
            layout,
            keys,
            derived: Vec::new(),
        }
    }

    /// Whether bodies can be opened.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    fn keys(&self) -> Result<&Keys, LogError> {
        self.keys.as_ref().ok_or_else(|| LogError::Key {
            path: self.layout.keys(),
            problem: "the keys are not here: name their folder with --keys".to_owned(),
        })
    }

    /// Records that can be read.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn size(&self) -> Result<u64, LogError> {
        match self.layout.epochs(&*self.disk)?.checked_sub(1) {
            Some(last) => Ok(last * EPOCH + self.index(last)?.len()?),
            None => Ok(0),
        }
    }

    /// The frame of a record, from where its entry of the index says.
    fn frame_bytes(&self, index: u64, entry: &Entry) -> Result<Vec<u8>, LogError> {
        let path = self.layout.records(index / EPOCH);
        let mut bytes = vec![0; (entry.length as usize).min(frame::HEAD + 256 + frame::MAX_SEALED)];
        let read = self
            .disk
            .open(&path, How::Read)
            .and_then(|mut file| file.read_at(entry.offset, &mut bytes))
            .map_err(|error| LogError::io(&path, error))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Reads and opens one record.
    ///
    /// # Errors
    /// When there is none of this index, when it is damaged, or when the keys are missing.
    pub fn record(&self, index: u64) -> Result<Opened, LogError> {
        self.opener().record(index)
    }

    /// To read and open several records: see [`Opener`].
    #[must_use]
    pub fn opener(&self) -> Opener<'_> {
        Opener {
            reader: self,
            seeds: None,
        }
    }

    fn parse<'a>(&self, index: u64, bytes: &'a [u8]) -> Result<Frame<'a>, LogError> {
        let problem = match frame::parse(bytes) {
            Parsed::Frame(frame) if frame.index == index => return Ok(frame),
            Parsed::Frame(_) => "the index leads to another record",
            Parsed::Short(_) => "the record is cut off",
            Parsed::Bad(problem) => problem,
        };
        let place = self.layout.records(index / EPOCH).display().to_string();
        Err(LogError::damaged(
            format!("{place}, record {index}"),
            problem,
        ))
    }

    fn seeds(&self, epoch: u64) -> Result<Seeds, LogError> {
        Ok(self.seeds_and_generation(epoch)?.0)
    }

    pub(crate) fn seeds_and_generation(&self, epoch: u64) -> Result<(Seeds, u32), LogError> {
        self.keys()?.seeds(&self.layout.seeds(epoch), epoch)
    }

    /// Records that are on hold.
    ///
    /// # Errors
    /// When the index or a record of a hold cannot be read.
    pub fn held(&self) -> Result<BTreeSet<u64>, LogError> {
        let holds = self.holds(|_, error| Err(error))?;
        Ok(holds.into_on_hold())
    }

    /// Which records are on hold. `unread` decides about a hold or a release that cannot be read.
    fn holds(
        &self,
        mut unread: impl FnMut(u64, LogError) -> Result<(), LogError>,
    ) -> Result<Holds, LogError> {
        let mut changes = Vec::new();
        self.each_entry(|index, entry| {
            if matches!(entry.kind, Kind::Hold | Kind::Release) {
                changes.push((index, entry.kind));
            }
        })?;
        let (mut holds, mut opener) = (Holds::default(), self.opener());
        for (index, kind) in changes {
            let opened = opener.record(index);
            let hold: event::Hold = match opened.and_then(|opened| opened.event()) {
                Ok(hold) => hold,
                Err(error) => {
                    unread(index, error)?;
                    holds.skip(index);
                    continue;
                }
            };
            for index in hold.indexes {
                match kind {
                    Kind::Hold => holds.hold(index),
                    _ => holds.release(index),
                }
            }
        }
        Ok(holds)
    }

    /// Opens the records of `from..to` in order; `each` gets one after the other. `to` beyond
    /// the end is the end.
    ///
    /// # Errors
    /// When a record is damaged, when the keys are missing, and what `each` answers.
    pub fn scan<E: From<LogError>>(
        &self,
        from: u64,
        to: u64,
        mut each: impl FnMut(Opened) -> Result<(), E>,
    ) -> Result<(), E> {
        let to = to.min(self.size()?);
        for epoch in from / EPOCH..to.div_ceil(EPOCH) {
            let first = from.max(epoch * EPOCH);
            let Some(start) = self.index(epoch)?.entry(first % EPOCH)? else {
                continue;
            };
            let mut seeds = self.seeds(epoch)?;
            let path = self.layout.records(epoch);
            let failed = |error| LogError::io(&path, error);
            let file = self.disk.open(&path, How::Read).map_err(failed)?;
            let end = file.len().map_err(failed)?;
            let mut frames = frame::Frames::between(file, start.offset, end);
            for index in first..to.min((epoch + 1) * EPOCH) {
                match frames.next().map_err(failed)? {
                    frame::Next::Frame(_, frame) if frame.index == index => {
                        each(open_frame(&frame, &mut seeds)?)?;
                    }
                    _ => {
                        let place = format!("{}, record {index}", path.display());
                        return Err(
                            LogError::damaged(place, "no record is where the index says").into(),
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// The last signed checkpoint.
    ///
    /// # Errors
    /// When it cannot be read, or its signature does not fit.
    pub fn checkpoint(&self) -> Result<String, LogError> {
        Ok(self.signed()?.0)
    }

    fn signed(&self) -> Result<(String, Checkpoint), LogError> {
        read_checkpoint(&*self.disk, &self.layout, &self.verifier()?)
    }

    /// The public key as the log's folder has it.
    ///
    /// # Errors
    /// When the file `verifier-key` is missing or no key.
    pub fn verifier(&self) -> Result<Verifier, LogError> {
        let path = self.layout.verifier_key();
        let bytes = self
            .disk
            .read(&path)
            .map_err(|error| LogError::io(&path, error))?;
        Verifier::parse(&String::from_utf8_lossy(&bytes)).map_err(|error| LogError::Key {
            path,
            problem: error.to_string(),
        })
    }

    /// The public key as a signed-note verifier key: `ORIGIN+HASH+BASE64`; empty when it cannot
    /// be read.
    #[must_use]
    pub fn verifier_key(&self) -> String {
        self.verifier().map_or(String::new(), |key| key.to_string())
    }

    /// Where the file of a model that answered is kept.
    #[must_use]
    pub fn model_path(&self, digest: Digest) -> PathBuf {
        self.layout.model(&digest)
    }

    /// The bytes of a model that answered.
    ///
    /// # Errors
    /// When it is not there or not what its name says.
    pub fn model(&self, digest: Digest) -> Result<Vec<u8>, LogError> {
        let path = self.model_path(digest);
        let bytes = match self.disk.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(LogError::NoModel(digest));
            }
            Err(error) => return Err(LogError::io(&path, error)),
        };
        if Digest::from_content(&bytes) != digest {
            let place = path.display().to_string();
            return Err(LogError::damaged(
                place,
                "the SHA-256 of the model is not that of its name",
            ));
        }
        Ok(bytes)
    }
}
