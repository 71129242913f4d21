//! Files that are small by nature: settings, keys, certificates.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// All of a regular file of at most `most` bytes.
///
/// A named pipe would be waited for, and a device read without an end: neither is opened.
///
/// # Errors
/// When the file cannot be read, is none, or is longer.
pub fn read_small(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        let problem = "it is not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let problem = format!("it is longer than {}", in_words(most));
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok(bytes)
}

/// In MiB where they are whole, else in KiB.
fn in_words(bytes: u64) -> String {
    if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{} KiB", bytes >> 10)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn what_is_long_or_endless_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, vec![b'k'; 1 << 10]).unwrap();
        assert_eq!(read_small(&path, 1 << 10).unwrap().len(), 1 << 10);
        let error = |most| read_small(&path, most).unwrap_err().to_string();
        fs::write(&path, vec![b'k'; 1025]).unwrap();
        assert_eq!(error(1 << 10), "it is longer than 1 KiB");
        // Nothing of it lies on the disk, nor is more than the limit read.
        File::create(&path).unwrap().set_len(8 << 30).unwrap();
        assert_eq!(error(1 << 20), "it is longer than 1 MiB");
        #[cfg(unix)]
        {
            let endless = read_small(Path::new("/dev/zero"), 1 << 10).unwrap_err();
            assert_eq!(endless.to_string(), "it is not a regular file");
        }
        assert!(read_small(folder.path(), 1).is_err());
    }
}
