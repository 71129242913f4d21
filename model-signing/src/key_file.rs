//! The text of a key's file, of which no more is read than a key takes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::SigningError;

/// The longest file of a key, in bytes: a public key takes 178, a file may say more about it.
const LONGEST: u64 = 64 << 10;

/// Reads a file of at most 64 KiB and makes a key of its text; a key's error names the file.
pub(crate) fn read<K>(
    path: &Path,
    key: impl FnOnce(&str) -> Result<K, SigningError>,
) -> Result<K, SigningError> {
    let text = text(path).map_err(|error| unreadable(path, error))?;
    key(&text).map_err(|error| match error {
        SigningError::Key(problem) => SigningError::Key(format!("{}: {problem}", path.display())),
        other => other,
    })
}

pub(crate) fn unreadable(path: &Path, error: io::Error) -> SigningError {
    SigningError::Read {
        path: path.to_owned(),
        error,
    }
}

/// What a file begins with: all of it where it can be a key.
pub(crate) fn begin(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text(path: &Path) -> io::Result<String> {
    let bytes = begin(path)?;
    if bytes.len() as u64 > LONGEST {
        let problem = format!("it is longer than {} KiB", LONGEST >> 10);
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    // What is no text is no PEM either, which says what was expected.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
