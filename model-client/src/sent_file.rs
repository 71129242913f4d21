//! A file on its way to a service.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::error::ServiceError;
use crate::request::FileBody;

/// Reads a file as long as it was when it was opened. Its end is handed out only when all of it
/// is what was checked: whoever waits for so many bytes has no whole file of other content.
pub(crate) struct SentFile {
    file: File,
    path: PathBuf,
    left: u64,
    hasher: Sha256,
    /// Its SHA-256, in lower-case hexadecimal digits.
    expected: String,
}

impl SentFile {
    /// With the file's length in bytes.
    pub(crate) fn open(body: &FileBody<'_>) -> Result<(u64, Self), ServiceError> {
        let opened = File::open(body.path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = opened.map_err(|cause| ServiceError::File {
            path: body.path.to_owned(),
            cause,
        })?;
        let sent = Self {
            file,
            path: body.path.to_owned(),
            left: length,
            hasher: Sha256::new(),
            expected: body.sha256.to_owned(),
        };
        // Of an empty one nobody may ask for a byte.
        match length == 0 && !sent.is_as_checked() {
            true => Err(sent.changed()),
            false => Ok((length, sent)),
        }
    }

    fn is_as_checked(&self) -> bool {
        let digest = self.hasher.clone().finalize();
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        digits == self.expected
    }

    fn changed(&self) -> ServiceError {
        ServiceError::Changed {
            path: self.path.clone(),
        }
    }
}

impl Read for SentFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.file.read(&mut buffer[..most])?;
        self.hasher.update(&buffer[..read]);
        self.left -= read as u64;
        let is_short = read == 0;
        if is_short || (self.left == 0 && !self.is_as_checked()) {
            return Err(io::Error::other(self.changed()));
        }
        Ok(read)
    }
}
