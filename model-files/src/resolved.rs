//! One path for each file, however it is named.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The path of a file with links followed; of one that does not exist, where it would be.
///
/// Two paths that lead to one file give the same, also where folders on the way do not exist
/// yet. Hard links are files of their own: a file that is written whole replaces one of them.
#[must_use]
pub fn resolved(path: &Path) -> PathBuf {
    if let Ok(found) = fs::canonicalize(path) {
        return found;
    }
    let mut whole = fs::canonicalize(".").unwrap_or_default();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            // What is there already has no link in it, and what is not there would have none.
            Component::ParentDir => {
                whole.pop();
            }
            // A root, or on Windows a drive, begins anew.
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => whole.push(part),
        }
        whole = fs::canonicalize(&whole).unwrap_or(whole);
    }
    whole
}
