//! SHA-256 digests as text.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Bytes that are read at once.
const BLOCK: usize = 64 * 1024;

/// Lower-case hexadecimal, two digits a byte.
///
/// ```
/// assert_eq!(model_files::hex(&[0x0f, 0xa0]), "0fa0");
/// ```
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// SHA-256 of some bytes: 64 lower-case hexadecimal digits.
///
/// ```
/// let digest = model_files::sha256_hex(b"abc");
/// assert!(digest.starts_with("ba7816bf8f01cfea"));
/// ```
#[must_use]
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a file: 64 lower-case hexadecimal digits.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_file(path: &Path) -> io::Result<String> {
    let mut hashing = Hashing::new(File::open(path)?);
    let mut block = vec![0; BLOCK];
    while hashing.read(&mut block)? > 0 {}
    Ok(hashing.finish())
}

/// A reader that computes the SHA-256 of all that is read through it.
#[derive(Debug)]
pub struct Hashing<R> {
    source: R,
    sha256: Sha256,
}

impl<R: Read> Hashing<R> {
    /// Nothing read yet.
    pub fn new(source: R) -> Self {
        Self {
            source,
            sha256: Sha256::new(),
        }
    }

    /// The digest of what was read: 64 lower-case hexadecimal digits.
    pub fn finish(self) -> String {
        hex(&self.sha256.finalize())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.sha256.update(&buffer[..read]);
        Ok(read)
    }
}
