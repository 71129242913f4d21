//! A model's file, measured before it is read: whatever was put there by mistake, or out of
//! malice, costs no memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use model_core::model_file::{SEAL_LEN, check_ends};

use crate::host::{LoadError, LoadErrorKind};

/// The longest file that is read: an artifact of 64 MiB and an engine, with room.
const LONGEST: u64 = 80 << 20;

/// First bytes that tell a module from other files.
const HEAD: u64 = 8;

/// Reads a `model.wasm` whose length and seal look right.
///
/// # Errors
/// When it cannot be read, is too long, or does not end in a seal for its length.
pub(super) fn read_model(path: &Path) -> Result<Bytes, LoadError> {
    read(path).map_err(|error| error.in_file(path))
}

fn read(path: &Path) -> Result<Bytes, LoadError> {
    let mut file = File::open(path).map_err(LoadErrorKind::Read)?;
    let metadata = file.metadata().map_err(LoadErrorKind::Read)?;
    if !metadata.is_file() {
        let reason = io::Error::other("it is not a regular file");
        return Err(LoadErrorKind::Read(reason).into());
    }
    let length = metadata.len();
    if length > LONGEST {
        return Err(LoadErrorKind::TooLong {
            length,
            limit: LONGEST,
        }
        .into());
    }
    let (mut start, mut end) = (Vec::new(), Vec::new());
    (&file)
        .take(HEAD)
        .read_to_end(&mut start)
        .map_err(LoadErrorKind::Read)?;
    file.seek(SeekFrom::Start(length.saturating_sub(SEAL_LEN as u64)))
        .and_then(|_| (&file).take(SEAL_LEN as u64).read_to_end(&mut end))
        .map_err(LoadErrorKind::Read)?;
    check_ends(&start, &end, length).map_err(LoadErrorKind::File)?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))
        // It may grow meanwhile: then its seal is wrong.
        .and_then(|_| (&file).take(LONGEST).read_to_end(&mut bytes))
        .map_err(LoadErrorKind::Read)?;
    Ok(bytes.into())
}
