//! What a run folder may say about itself. Folders are copied, unpacked and sent around, so that
//! `run.json` is somebody else's text: nothing in it leads out of the folder.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::RunError;

/// Digits of the parts of an id: day, time and a random number.
const ID_PARTS: [usize; 3] = [8, 6, 8];

/// Whether an id is one that this program made: `YYYYMMDD-HHMMSS-` and eight hexadecimal digits.
/// It becomes part of paths, addresses and searches.
pub(crate) fn is_id(id: &str) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let parts: Vec<&str> = id.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == ID_PARTS
        && parts[..2]
            .concat()
            .bytes()
            .all(|byte| byte.is_ascii_digit())
        && parts[2].bytes().all(hex)
}

/// Checks an artifact's name.
///
/// # Errors
/// When it would leave the folder, or is no name that every system and terminal takes.
pub(crate) fn check_name(name: &str) -> Result<(), RunError> {
    let odd = |part: &str| matches!(part, "" | "." | "..");
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let fine = !name.split('/').any(odd)
        && !name.contains(|c: char| c == '\\' || c.is_control())
        && Path::new(name).components().all(plain);
    fine.then_some(())
        .ok_or_else(|| RunError::ArtifactName(name.to_owned()))
}

/// The path of `name` below `folder`, which may be a link; nothing below it may: each part is a
/// plain folder, and the last one, where it is there, a plain file.
///
/// # Errors
/// When a part is something else.
pub(crate) fn plain_path(folder: &Path, name: &str) -> Result<PathBuf, RunError> {
    let mut path = folder.to_owned();
    let mut parts = name.split('/').peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        let Ok(found) = fs::symlink_metadata(&path) else {
            // What is not there leads nowhere: reading it fails, writing creates it.
            continue;
        };
        let expected = match parts.peek() {
            Some(_) => found.is_dir(),
            None => found.is_file(),
        };
        if !expected {
            return Err(RunError::NotPlain(path));
        }
    }
    Ok(path)
}
