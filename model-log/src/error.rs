//! What can go wrong with a log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::Digest;

/// The number of an error of input or output, of Unix: it has no [`io::ErrorKind`].
const EIO: i32 = 5;

/// Why a log cannot be opened, read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A file cannot be read or written.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says. The message above holds it, so it is no source of its own:
        /// a chain of causes would say it twice.
        reason: io::Error,
    },
    /// There is no log in the folder.
    #[error("{}: no decision log here: expected the file `format`", .0.display())]
    NoLog(PathBuf),
    /// The folder has content that is no log.
    #[error("{}: the folder is not empty and holds no decision log: name an empty one", .0.display())]
    NotEmpty(PathBuf),
    /// The folder is of another version.
    #[error("{}: expected the first line `{expected}`, found `{found}`: use the version of underwrite that wrote it", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The line that this program writes.
        expected: &'static str,
        /// The line in the file.
        found: String,
    },
    /// Another process has the log.
    #[error("{}: another process holds this log: stop it, or ask it with --server URL", .0.display())]
    Locked(PathBuf),
    /// Another process writes a log with these keys.
    #[error("{}: another process holds these keys, for this log or another one: stop it, or name the folder of this log's own keys", .0.display())]
    KeysLocked(PathBuf),
    /// A key is missing or not usable.
    #[error("{}: {problem}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A part of the log is not what was written.
    #[error("{place}: {problem}")]
    Damaged {
        /// The file, and where in it.
        place: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// No record has this index.
    #[error("record {index} does not exist: the log has {size} records, numbered from 0")]
    Unknown {
        /// What was asked for.
        index: u64,
        /// Records in the log.
        size: u64,
    },
    /// A record that no checkpoint covers yet.
    #[error(
        "record {index} is not covered by a checkpoint yet, the last one covers {covered} records: try again when the server has signed the next, after some seconds"
    )]
    NotSigned {
        /// What was asked for.
        index: u64,
        /// Records that the last checkpoint covers.
        covered: u64,
    },
    /// The record's key was destroyed.
    #[error("record {0} was erased")]
    Erased(u64),
    /// A record under a hold.
    #[error("record {0} is on hold: release it first")]
    Held(u64),
    /// A record before the end of its retention.
    #[error(
        "record {index} is to be kept until {until}: add --before-term to erase it all the same"
    )]
    BeforeTerm {
        /// The record.
        index: u64,
        /// The day after which it may be erased, as `2031-11-28`.
        until: String,
    },
    /// A record that the log itself needs.
    #[error(
        "record {index} cannot be {change}: it is of the kind `{kind}`, which holds nothing about an applicant and is never erased; name decisions, or records about them"
    )]
    NotPersonal {
        /// The record.
        index: u64,
        /// Its kind.
        kind: &'static str,
        /// What was asked for: `held`, `released` or `erased`.
        change: &'static str,
    },
    /// Nothing was erased, since the keys of some of the records cannot be read, or not replaced.
    #[error(
        "nothing was erased: the keys of records {first} to {last} cannot be read and replaced: {because}"
    )]
    KeysUnreadable {
        /// The first record whose key is in the same file.
        first: u64,
        /// The last one.
        last: u64,
        /// The file, and what is wrong with it. The message above holds it.
        because: Box<LogError>,
    },
    /// Nothing was released or erased, since a hold or release that cannot be read may name one of
    /// the records.
    #[error(
        "nothing was changed: whether record {index} is on hold is not known, since record {change}, a hold or a release, cannot be read: {because}"
    )]
    HoldUnreadable {
        /// The record.
        index: u64,
        /// The hold or release.
        change: u64,
        /// The file, and what is wrong with it. The message above holds it.
        because: Box<LogError>,
    },
    /// A model of the log is not in its folder.
    #[error("the model sha256-{0} is not in the log's folder `models`")]
    NoModel(Digest),
    /// An argument is not usable.
    #[error("{0}")]
    Argument(String),
    /// A record was not appended.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl LogError {
    /// An error of the system, with its file.
    pub(crate) fn io(path: &Path, reason: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            reason,
        }
    }

    /// Whether it stays until somebody does something: a file is damaged or missing, its permissions
    /// are wrong, or a disk is full or cannot read. Other errors of the system may be of a moment.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Io { reason, .. } => {
                let is_lasting = matches!(
                    reason.kind(),
                    io::ErrorKind::NotFound
                        | io::ErrorKind::PermissionDenied
                        | io::ErrorKind::InvalidData
                        | io::ErrorKind::InvalidInput
                        | io::ErrorKind::IsADirectory
                        | io::ErrorKind::NotADirectory
                        | io::ErrorKind::ReadOnlyFilesystem
                        | io::ErrorKind::StorageFull
                        | io::ErrorKind::QuotaExceeded
                        | io::ErrorKind::StaleNetworkFileHandle
                );
                is_lasting || reason.raw_os_error() == Some(EIO)
            }
            Self::Key { .. } | Self::Damaged { .. } | Self::Erased(_) => true,
            _ => false,
        }
    }

    /// The same once more, of an error that stays ([`Self::is_lasting`]).
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Io { path, reason } => Self::io(path, same(reason)),
            Self::Key { path, problem } => Self::Key {
                path: path.clone(),
                problem: problem.clone(),
            },
            Self::Damaged { place, problem } => Self::damaged(place.clone(), problem.clone()),
            other => Self::Argument(other.to_string()),
        }
    }

    /// Whether a file is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Io { reason, .. } if reason.kind() == io::ErrorKind::NotFound)
    }

    pub(crate) fn damaged(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Damaged {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

fn same(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// Why records were not appended. Nothing of them was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The queue is full: the disk is slower than the requests.
    #[error("the decision log's queue is full ({0} records wait): try again")]
    Full(usize),
    /// The log stopped after a failure and has not started again yet.
    #[error("the decision log has stopped: {0}")]
    Stopped(Arc<str>),
    /// A record is larger than the log takes.
    #[error("a record has {found} bytes, the decision log takes {max}")]
    TooLarge {
        /// Bytes of the sealed body.
        found: usize,
        /// The most.
        max: usize,
    },
    /// A record is about one whose key was destroyed.
    #[error("record {0} was erased: nothing is recorded about it any more")]
    Erased(u64),
    /// A record is about one that the log does not have.
    #[error(
        "record {link} does not exist, and nothing is recorded about it: the log has {size} records, numbered from 0"
    )]
    Unknown {
        /// What the record is about.
        link: u64,
        /// Records before it.
        size: u64,
    },
    /// Whether the record that another one is about was erased cannot be read.
    #[error("nothing is recorded about record {index}, whose key cannot be read: {because}")]
    Unreadable {
        /// What the record is about.
        index: u64,
        /// The file, and what is wrong with it.
        because: Arc<str>,
    },
    /// The system gives no random numbers, without which nothing is sealed.
    #[error("the system has no random numbers: nothing can be sealed")]
    NoRandomNumbers,
    /// The log is being closed.
    #[error("the decision log is closed")]
    Closed,
}
