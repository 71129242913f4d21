//! The one that appends.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{AppendError, LogError};
use crate::options::{Options, Status};
use crate::pending::Pending;
use crate::reader::Reader;
use crate::record::{Receipt, Record};

/// The receipts of records that were appended together, in their order; indexes follow each
/// other without a gap.
pub type Appended = Result<Vec<Receipt>, AppendError>;

/// Appends to a log. Clones share it; the last one dropped closes it, which signs a last
/// checkpoint.
#[derive(Debug, Clone)]
pub struct Writer {
    not_yet: (),
}

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

impl Writer {
    /// Opens the log in `folder`, or makes one in an empty or absent folder. Takes the lock,
    /// checks the end of the log, and cuts what a crash has left there.
    ///
    /// # Errors
    /// When another process has the log, when the folder is of another version, when keys are
    /// missing or readable by others, and when what a checkpoint covers is damaged.
    pub fn open(folder: &Path, options: Options) -> Result<Self, LogError> {
        let _ = options;
        Err(LogError::NoLog(folder.to_owned()))
    }

    /// Appends `records` together, one after the other: one sync, indexes without a gap.
    ///
    /// # Errors
    /// At once when the queue is full, when a record is too large, or when the log has stopped;
    /// later when writing or syncing fails.
    pub fn append(&self, records: Vec<Record>) -> Result<Pending<Appended>, AppendError> {
        let () = self.not_yet;
        Err(AppendError::Full(records.len()))
    }

    /// Keeps a model file beside the log, by content; at once when it is there already. Call it
    /// before the first record that names it. Blocks for a write and a sync.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_model(&self, wasm: &[u8]) -> Result<Digest, LogError> {
        Ok(Digest::from_content(wasm))
    }

    /// Puts records on hold: they cannot be erased. Blocks.
    ///
    /// # Errors
    /// When a record does not exist or holds nothing about an applicant.
    pub fn hold(&self, change: &Change, by: &str) -> Result<Changed, LogError> {
        let _ = (change, by);
        Err(AppendError::Closed.into())
    }

    /// Lifts holds. Blocks.
    ///
    /// # Errors
    /// As [`Writer::hold`].
    pub fn release(&self, change: &Change, by: &str) -> Result<Changed, LogError> {
        self.hold(change, by)
    }

    /// Destroys the keys of records: all of them, or with an error none. Blocks.
    ///
    /// # Errors
    /// When a record does not exist, is on hold, or is to be kept longer and `before_term` is
    /// not set.
    pub fn erase(&self, change: &Change, by: &str) -> Result<Changed, LogError> {
        self.hold(change, by)
    }

    /// The last signed checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        String::new()
    }

    /// How the log is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::default()
    }

    /// A reader of this log. Cheap; it sees every acknowledged record.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader {}
    }

    /// Syncs what waits, signs a last checkpoint and gives up the lock; other clones then get
    /// [`AppendError::Closed`].
    ///
    /// # Errors
    /// When the last checkpoint cannot be written.
    pub fn close(self) -> Result<(), LogError> {
        Ok(())
    }
}
