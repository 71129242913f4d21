//! What a log is checked against, and what is found.

use std::path::PathBuf;

use serde::Serialize;

use crate::note::Verifier;

/// What a log is checked against.
#[derive(Debug, Clone, Default)]
pub struct Against {
    /// The folder of the keys; `None` is `FOLDER/keys`. Without keys the bodies stay closed, and
    /// the index is not checked.
    pub keys: Option<PathBuf>,
    /// A public key from elsewhere; `None` is the one in the folder.
    pub verifier: Option<Verifier>,
    /// A checkpoint that was kept elsewhere: a signed note.
    pub checkpoint: Option<String>,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records of the log.
    pub records: u64,
    /// Records that were erased.
    pub erased: u64,
    /// Records that the checkpoint in the folder covers.
    pub signed: u64,
    /// Records that the checkpoint from elsewhere covers; what comes after it can be rewritten
    /// by whoever has folder and keys.
    pub covered: Option<u64>,
    /// What is not as it should be.
    pub problems: Vec<Problem>,
    /// What is worth knowing and no problem, such as the torn end that a crash leaves.
    pub notes: Vec<String>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, and where in it.
    pub place: String,
    /// What was expected and what was found.
    pub problem: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// The most problems that are listed; a log that is another one has as many as it has files.
const MOST: usize = 100;

impl Report {
    pub(super) fn problem(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        if self.problems.len() < MOST {
            let (place, problem) = (place.into(), problem.into());
            self.problems.push(Problem { place, problem });
        }
    }
}
