//! What reader and writer both read of a log: an epoch's index, and the checkpoint.

use crate::disk::Disk;
use crate::error::LogError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::note::{Checkpoint, Verifier};
use crate::scan::{Scan, entry, scan};

/// The index of an epoch, from its records up to the first place that is none.
pub(crate) fn derive_index(
    disk: &dyn Disk,
    layout: &Layout,
    keys: &Keys,
    epoch: u64,
) -> Result<(Vec<u8>, Scan), LogError> {
    let (mut seeds, _) = keys.seeds(&layout.seeds(epoch), epoch)?;
    let (mut bytes, mut buffer) = (Vec::new(), Vec::new());
    let scan = scan(disk, layout, epoch, |offset, frame| {
        let entry = entry(offset, frame, keys, &mut seeds, &mut buffer)?;
        bytes.extend_from_slice(&entry.to_bytes());
        Ok(())
    })?;
    Ok((bytes, scan))
}

/// Reads the checkpoint and checks its signature.
pub(crate) fn read_checkpoint(
    disk: &dyn Disk,
    layout: &Layout,
    verifier: &Verifier,
) -> Result<(String, Checkpoint), LogError> {
    let path = layout.checkpoint();
    let bytes = disk
        .read(&path)
        .map_err(|error| LogError::io(&path, error))?;
    let note = String::from_utf8_lossy(&bytes).into_owned();
    let checkpoint = verifier
        .open(&note)
        .map_err(|error| LogError::damaged(path.display().to_string(), error.to_string()))?;
    Ok((note, checkpoint))
}
