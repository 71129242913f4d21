//! Why a run folder cannot be read or written.

use std::io;
use std::path::PathBuf;

/// A run folder that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The disk is full, a file is missing, a folder is not writable.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file of the folder is damaged.
    #[error("{}, line {line}: {problem}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What was expected and what came.
        problem: String,
    },
    /// Another process works on the run.
    #[error("run {0} is still running: stop that process first, or wait for its end")]
    Running(String),
    /// An artifact's name would leave the folder.
    #[error("artifact {0:?}: expected a relative path with '/' between its parts, without '..'")]
    ArtifactName(String),
    /// A part of the folder is a link, a device or something else that is none of its own files.
    #[error(
        "{}: expected a plain file in a plain folder, as a run has them, and no link: put the file itself there",
        .0.display()
    )]
    NotPlain(PathBuf),
    /// An artifact is not as the run left it.
    #[error(
        "{} was altered: its SHA-256 is {found}, and run.json says {expected}; restore the file, or train again",
        path.display()
    )]
    Altered {
        /// The file.
        path: PathBuf,
        /// What `run.json` has.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// No such run.
    #[error("no run '{name}' in {}: `underwrite track list` shows what is there", folder.display())]
    NotFound {
        /// As it was asked for.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
}
