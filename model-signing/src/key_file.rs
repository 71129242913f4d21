//! The text of a key's file, of which no more is read than a key takes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::SigningError;
use crate::pem;

/// The longest file of a key, in bytes: a public key takes 178, a file may say more about it.
const LONGEST: u64 = 64 << 10;

/// More bytes than the line takes that a block of a private key begins with.
const LONGEST_LABEL: usize = 256;

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

/// Whether a file of any length has a private key somewhere, such as behind certificates.
pub(crate) fn has_private_key(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut window = Vec::new();
    loop {
        let read = file.by_ref().take(LONGEST).read_to_end(&mut window)?;
        if read == 0 {
            return Ok(false);
        }
        if pem::has_private_key(&String::from_utf8_lossy(&window)) {
            return Ok(true);
        }
        // A label may go on in what comes next.
        window.drain(..window.len().saturating_sub(LONGEST_LABEL));
    }
}

fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?.take(LONGEST + 1);
    file.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        let problem = format!("it is longer than {} KiB", LONGEST >> 10);
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    // What is no text is no PEM either, which says what was expected.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
