//! Whether a path leads into a log.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::keys;
use crate::layout::{FORMAT_OF_ALL_VERSIONS, Layout};

/// The folder of a log, or of the keys of one, that `path` is in; `None` where there is none.
///
/// Every file in such a folder belongs to the log, and what replaces one of them is lost for
/// good: a program asks before it writes anything else. The file itself need not exist. Links
/// are not followed: give an absolute path without them.
#[must_use]
pub fn enclosing_log(path: &Path) -> Option<PathBuf> {
    let mut folders = path.ancestors().skip(1);
    folders
        .find(|folder| is_log(folder) || keys::are_in(folder))
        .map(Path::to_owned)
}

/// Whether this is the folder of a log, of whatever version.
fn is_log(folder: &Path) -> bool {
    let path = Layout::new(folder).format();
    // A pipe would not end.
    if !fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    let expected = FORMAT_OF_ALL_VERSIONS.as_bytes();
    let mut begin = Vec::new();
    let read =
        File::open(&path).and_then(|file| file.take(expected.len() as u64).read_to_end(&mut begin));
    read.is_ok() && begin == expected
}
