//! How a log is opened, and what its observer hears.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a log is opened for writing.
#[derive(Clone)]
pub struct Options {
    /// The folder of the keys; `None` is `FOLDER/keys`.
    pub keys: Option<PathBuf>,
    /// The origin of the checkpoints of a new log, such as `bank.example/underwrite/eu-1`. An
    /// existing log keeps its own.
    pub origin: String,
    /// The most records that wait for the disk; more are refused.
    pub queue: usize,
    /// A checkpoint is signed at least so often while records arrive.
    pub checkpoint_every: Duration,
    /// A checkpoint is signed after so many records, whatever the time.
    pub checkpoint_records: u64,
    /// The months of retention, from the latest of the decision, its notice and its last linked
    /// record.
    pub retention_months: u32,
    /// Is told what happens. Called by the log's own thread: it must return at once.
    pub observer: Option<Observer>,
}

/// Is told what happens to a log.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

impl Default for Options {
    fn default() -> Self {
        Self {
            keys: None,
            origin: "underwrite".to_owned(),
            queue: 16_384,
            checkpoint_every: Duration::from_secs(1),
            checkpoint_records: 4_096,
            retention_months: 60,
            observer: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("keys", &self.keys)
            .field("origin", &self.origin)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// What happened to a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Keys were made in this folder: whoever has it can read and rewrite the log.
    KeysMade(PathBuf),
    /// A checkpoint was signed and is on the disk; the whole note. To be written to another log.
    Checkpoint(String),
    /// The end of the log was cut at the start.
    Recovered {
        /// Bytes that were cut.
        bytes: u64,
        /// Records that are left.
        records: u64,
    },
    /// Writing or syncing failed: nothing is acknowledged until [`Event::Restarted`].
    Stopped(String),
    /// The log was opened again from the disk.
    Restarted,
    /// An older key of an epoch is there, as after a restore, and could not be destroyed: an old
    /// copy of the epoch's seeds may open records that were erased since. The next start tries again.
    KeyLeft {
        /// The epoch.
        epoch: u64,
        /// The file, and what is wrong with it.
        because: String,
    },
    /// The last record of the log is an erasure that could not be ended, since keys that it destroys
    /// cannot be read or replaced: erase its records again once they can.
    ErasureLeft {
        /// The record of the erasure.
        erasure: u64,
        /// The file, and what is wrong with it.
        because: String,
    },
    /// The checkpoint could not be written; records are still synced and acknowledged.
    CheckpointFailed(String),
}

/// How the log is doing, for metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Records that are synced.
    pub records: u64,
    /// Records that wait.
    pub waiting: usize,
    /// The size of the last signed checkpoint.
    pub checkpoint: u64,
    /// Syncs since the start.
    pub syncs: u64,
    /// The time that they took, in microseconds.
    pub sync_micros: u64,
    /// How often the log was opened again after it had stopped: what was not acknowledged may have
    /// been cut, and other records come in its place.
    pub restarts: u64,
    /// Why the log has stopped, while it has.
    pub stopped: Option<String>,
}
