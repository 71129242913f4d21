//! Why a file was not published or fetched.

use std::io;
use std::path::{Path, PathBuf};

use model_client::ServiceError;

/// Why a file was not published or fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Not a repository's name.
    #[error("repository '{0}': expected OWNER/NAME, of letters, digits, '-', '_' and '.'")]
    Repo(String),
    /// Not the name of a revision.
    #[error("revision '{0}': expected a branch, tag or commit, without empty parts, '.' and '..'")]
    Revision(String),
    /// The Hub has no such repository, revision or file.
    #[error("{what} is not on {endpoint}: check the name and the revision{hint}")]
    NotFound {
        /// Repository, revision or file.
        what: String,
        /// The Hub's address.
        endpoint: String,
        /// What else it could be.
        hint: &'static str,
    },
    /// The Hub does not give the commit that it was asked for.
    #[error(
        "{endpoint} gives {what} of commit {got} where {expected} was asked for: is it a mirror that is not up to date?"
    )]
    OtherCommit {
        /// File and repository.
        what: String,
        /// The Hub's address.
        endpoint: String,
        /// The commit that was asked for.
        expected: String,
        /// The commit that the Hub announced.
        got: String,
    },
    /// What was downloaded is not what the Hub announced.
    #[error("{}: expected {expected}, got {got}: download it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The announced digest or length.
        expected: String,
        /// The same of what was downloaded.
        got: String,
    },
    /// A file is not what it was when it was checked.
    #[error("{} has changed since it was checked: its SHA-256 is {got}, it was {expected}; publish again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The SHA-256 that it was checked with.
        expected: String,
        /// The one that it has.
        got: String,
    },
    /// Two files with one name in the repository, and different contents.
    #[error("{} and {} differ and would both be published as {name}: rename one, or leave it out", first.display(), second.display())]
    Twice {
        /// The name in the repository.
        name: String,
        /// A file of that name.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
    },
    /// More than is published at once; it says what to do.
    #[error("cannot publish {0}")]
    TooMuch(String),
    /// The Hub does not answer, and the cache has no such file.
    #[error("{error}; and {} is not in the cache ({})", what, cache.display())]
    NotCached {
        /// Why the Hub could not be asked.
        error: Box<ServiceError>,
        /// Repository, revision and file.
        what: String,
        /// The folder that was looked in.
        cache: PathBuf,
    },
    /// The Hub does not answer, or refuses.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A local file cannot be read or written.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> HubError {
    io_error("read", path)
}

pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> HubError {
    io_error("write", path)
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HubError {
    let path = path.to_owned();
    move |cause| HubError::Io { doing, path, cause }
}
