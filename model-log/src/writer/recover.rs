//! What is read at a start: roots of ended epochs, indexes, and the end of the log.

use std::io;

use super::start::Cut;
use crate::disk::{Disk, DiskFile, How, write_whole};
use crate::error::LogError;
use crate::index::{self, Entry};
use crate::keys::Keys;
use crate::layout::Layout;
use crate::leaf;
use crate::note::Checkpoint;
use crate::record::Kind;
use crate::scan::{Scan, entry, scan, was_synced_beyond};
use crate::seeds::{EPOCH, Seeds};
use crate::stored::derive_index;
use crate::tiles::{self, Builder, Tile, TileFiles};
use crate::tree::{Frontier, Hash, root};

/// So many ended epochs are read whole at each start, about a million records; of older ones
/// the tiles are trusted, whose root the checkpoint confirms.
const READ_WHOLE: u64 = 16;

/// The end of the log, checked.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// Records in the log.
    pub(crate) size: u64,
    /// Bytes of the last segment that are good.
    pub(crate) len: u64,
    /// Where the first record after the checkpoint begins.
    pub(crate) unsigned: u64,
    pub(crate) minute: u32,
    /// Of the last epoch.
    pub(crate) leaves: Vec<[u8; leaf::LEN]>,
    pub(crate) hashes: Vec<Hash>,
    pub(crate) entries: Vec<Entry>,
    /// The last erasure in the last epoch, or at the very end of the one before. Only this one may
    /// not be ended: after its record the log does nothing before its keys are destroyed, neither in
    /// the life that wrote it nor in one that begins with it, unless they cannot be destroyed.
    pub(crate) erasure: Option<LastErasure>,
    /// Why something is cut, if anything is.
    pub(crate) because: String,
}

/// An erasure that may not be ended.
#[derive(Debug, Default)]
pub(crate) struct LastErasure {
    /// The index of its record.
    pub(crate) index: u64,
    /// Those of the holds and releases behind it.
    pub(crate) changes: Vec<u64>,
}

impl LastErasure {
    fn at(index: u64) -> Self {
        let changes = Vec::new();
        Self { index, changes }
    }
}

/// The roots of the epochs before `last`, each checked against its records if it is one of the
/// last; tiles that are missing, or after a crash differ, are written again.
pub(crate) fn roots(
    disk: &dyn Disk,
    layout: &Layout,
    last: u64,
    clean: bool,
) -> Result<Vec<Hash>, LogError> {
    let old = last.saturating_sub(READ_WHOLE);
    let mut roots = Vec::new();
    for epoch in 0..old {
        roots.push(match root_of_tile(disk, layout, epoch) {
            Some(root) => root,
            None => read_epoch(disk, layout, epoch, false)?,
        });
    }
    // Two threads: the rest of the start is sequential.
    let epochs: Vec<u64> = (old..last).collect();
    let read = |some: &[u64]| -> Result<Vec<Hash>, LogError> {
        let read = |epoch: &u64| read_epoch(disk, layout, *epoch, clean);
        some.iter().map(read).collect()
    };
    let (first, second) = epochs.split_at(epochs.len() / 2);
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| read(second));
        let first = read(first);
        let second = other.join().unwrap_or_else(|_| {
            Err(LogError::Argument(
                "a thread of the start failed".to_owned(),
            ))
        });
        (first, second)
    });
    roots.extend(first?);
    roots.extend(second?);
    Ok(roots)
}

fn root_of_tile(disk: &dyn Disk, layout: &Layout, epoch: u64) -> Option<Hash> {
    let tile = layout.path(&Tile::full(Some(1), epoch).path());
    let bytes = disk.read(&tile).ok()?;
    let (hashes, rest) = bytes.as_chunks::<32>();
    let whole = hashes.len() == tiles::WIDTH && rest.is_empty();
    whole.then(|| root(hashes.iter().copied()))
}

/// Reads an ended epoch whole; answers its root.
fn read_epoch(disk: &dyn Disk, layout: &Layout, epoch: u64, clean: bool) -> Result<Hash, LogError> {
    let mut builder = Builder::default();
    builder.begin_at(epoch);
    let mut frontier = Frontier::default();
    let read = scan(disk, layout, epoch, |_, frame| {
        let hash = frame.leaf.hash();
        frontier.push(0, hash);
        if !clean {
            builder.push(&frame.leaf.to_bytes(), hash);
        }
        Ok(())
    })?;
    if read.count < EPOCH || read.end != read.file {
        return Err(damaged(layout, epoch, &read));
    }
    let found = root_of_tile(disk, layout, epoch);
    if clean && found.is_none() {
        return read_epoch(disk, layout, epoch, false);
    }
    if !clean {
        // Only the tiles of this epoch: the levels above are built by the one that opens.
        TileFiles::write_epoch(disk, layout, &mut builder)?;
    }
    Ok(frontier.root())
}

/// A record that should be good is not.
pub(crate) fn damaged(layout: &Layout, epoch: u64, scan: &Scan) -> LogError {
    let record = epoch * EPOCH + scan.count;
    let place = layout.records(epoch).display().to_string();
    let problem = match scan.bad {
        Some(bad) => bad.problem,
        None => "the file ends here",
    };
    LogError::damaged(
        format!("{place}, byte {}, record {record}", scan.end),
        format!(
            "{problem}, though a checkpoint or a later record vouches for it: this is no trace of a crash; restore the file from a copy, and run `underwrite log verify`"
        ),
    )
}

/// Builds the indexes of ended epochs that are absent, or have another length.
pub(crate) fn indexes(
    disk: &dyn Disk,
    layout: &Layout,
    keys: &Keys,
    last: u64,
) -> Result<(), LogError> {
    for epoch in 0..last {
        let path = layout.index(epoch);
        let len = disk.open(&path, How::Read).and_then(|file| file.len());
        if len.is_ok_and(|len| len == EPOCH * index::LEN as u64) {
            continue;
        }
        let (bytes, scan) = derive_index(disk, layout, keys, epoch)?;
        scan.check(layout, epoch, EPOCH)?;
        write_whole(disk, &path, &bytes, How::New).map_err(|error| LogError::io(&path, error))?;
    }
    Ok(())
}

/// Reads the last epoch and decides what of its end is kept.
pub(crate) fn end(
    disk: &dyn Disk,
    layout: &Layout,
    keys: &Keys,
    last: u64,
    roots: &[Hash],
    checkpoint: &Checkpoint,
    cut: Option<Cut>,
) -> Result<(End, Seeds), LogError> {
    let (mut seeds, generation) = keys.seeds(&layout.seeds(last), last)?;
    // An older key that cannot be destroyed is told of later. A crash leaves none of somebody else.
    match keys.settle(&layout.seeds(last), last, &seeds, generation) {
        Err(error) if error.is_lasting() => {}
        settled => settled?,
    }
    let base = last * EPOCH;
    let mut frontier = Frontier::default();
    roots.iter().for_each(|root| frontier.push(16, *root));
    let mut signed = (checkpoint.size == base).then(|| frontier.root());
    let (mut end, mut buffer) = (End::default(), Vec::new());
    let cut = cut.filter(|cut| cut.epoch == last).map(|cut| cut.len);
    let mut read = scan(disk, layout, last, |offset, frame| {
        if cut.is_some_and(|len| offset >= len) {
            return Ok(());
        }
        let hash = frame.leaf.hash();
        frontier.push(0, hash);
        end.entries
            .push(entry(offset, frame, keys, &mut seeds, &mut buffer)?);
        end.leaves.push(frame.leaf.to_bytes());
        end.hashes.push(hash);
        end.len = offset + frame.len() as u64;
        end.minute = frame.leaf.minute;
        end.size = frame.index + 1;
        if end.size == checkpoint.size {
            signed = Some(frontier.root());
            end.unsigned = end.len;
        }
        match (frame.leaf.kind, &mut end.erasure) {
            (Kind::Erasure, erasure) => *erasure = Some(LastErasure::at(frame.index)),
            (Kind::Hold | Kind::Release, Some(erasure)) => erasure.changes.push(frame.index),
            _ => {}
        }
        Ok(())
    })?;
    end.size = base + end.entries.len() as u64;
    if end.entries.is_empty() && last > 0 {
        let before = last_entry(disk, layout, last - 1)?;
        end.minute = before.map_or(0, |entry| entry.minute);
        // An erasure that ended its epoch may not be ended itself.
        if before.is_some_and(|entry| entry.kind == Kind::Erasure) {
            end.erasure = Some(LastErasure::at(base - 1));
        }
    }
    if cut.is_some() {
        read.count = end.entries.len() as u64;
        read.end = end.len;
    }
    check_end(disk, layout, last, &read, &mut end, checkpoint, cut)?;
    if signed.is_some_and(|root| root != checkpoint.root.0) || checkpoint.size < base {
        let place = layout.checkpoint().display().to_string();
        let problem = format!(
            "the records do not lead to the root that was signed for {} records: one was replaced; run `underwrite log verify`",
            checkpoint.size
        );
        return Err(LogError::damaged(place, problem));
    }
    Ok((end, seeds))
}

/// What the index says about the last record of an ended epoch.
fn last_entry(disk: &dyn Disk, layout: &Layout, epoch: u64) -> Result<Option<Entry>, LogError> {
    let path = layout.index(epoch);
    let mut bytes = [0; index::LEN];
    let offset = (EPOCH - 1) * index::LEN as u64;
    disk.open(&path, How::Read)
        .and_then(|mut file| file.read_at(offset, &mut bytes))
        .map_err(|error| LogError::io(&path, error))?;
    Ok(Entry::from_bytes(&bytes))
}

fn check_end(
    disk: &dyn Disk,
    layout: &Layout,
    last: u64,
    read: &Scan,
    end: &mut End,
    checkpoint: &Checkpoint,
    cut: Option<u64>,
) -> Result<(), LogError> {
    if end.size < checkpoint.size {
        return Err(damaged(layout, last, read));
    }
    if read.end == read.file {
        return Ok(());
    }
    if cut.is_some() {
        end.because = "writing or syncing failed; nothing of it was acknowledged".to_owned();
        return Ok(());
    }
    if was_synced_beyond(disk, layout, last, read.end..read.file, end.size)? {
        return Err(damaged(layout, last, read));
    }
    let problem = read
        .bad
        .map_or("bytes after the last record", |bad| bad.problem);
    end.because = format!("the end of the last file was torn: {problem}");
    Ok(())
}

/// Cuts the index of the last epoch where it has more than the records that are kept, as where the
/// disk was full while entries were written. Before the records are cut: whenever a crash comes,
/// there are no entries without records.
pub(crate) fn cut_index(
    disk: &dyn Disk,
    layout: &Layout,
    last: u64,
    end: &End,
) -> Result<(), LogError> {
    let path = layout.index(last);
    let failed = |error| LogError::io(&path, error);
    // Where it cannot be opened it is written anew.
    let Ok(mut index) = disk.open(&path, How::Existing) else {
        return Ok(());
    };
    let len = (end.entries.len() * index::LEN) as u64;
    if index.len().map_err(failed)? > len {
        index.cut(len).and_then(|()| index.sync()).map_err(failed)?;
    }
    Ok(())
}

/// Cuts what is not good, and writes what no checkpoint covers once more: after a failed sync
/// in an earlier process the system may show bytes that are not on the disk.
pub(crate) fn settle(segment: &mut dyn DiskFile, end: &End, torn: u64) -> io::Result<()> {
    if torn > 0 {
        segment.cut(end.len)?;
    }
    let mut at = end.unsigned;
    let mut buffer = vec![0; 1 << 20];
    while at < end.len {
        let want = usize::try_from(end.len - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = segment.read_at(at, &mut buffer[..want])?;
        if read == 0 {
            break;
        }
        segment.write_at(at, &buffer[..read])?;
        at += read as u64;
    }
    if torn > 0 || end.unsigned < end.len {
        segment.sync()?;
    }
    Ok(())
}

/// Writes the index of the last epoch and opens it. After a crash always: what is shown may not
/// be on the disk, nor have its name there, and the file of an earlier life could come back
/// under records of this one.
pub(crate) fn write_index(
    disk: &dyn Disk,
    layout: &Layout,
    last: u64,
    end: &End,
    clean: bool,
) -> Result<Box<dyn DiskFile>, LogError> {
    let path = layout.index(last);
    let bytes: Vec<u8> = end
        .entries
        .iter()
        .flat_map(|entry| entry.to_bytes())
        .collect();
    let write = || {
        if !clean || disk.read(&path).ok().as_ref() != Some(&bytes) {
            write_whole(disk, &path, &bytes, How::New)?;
        }
        disk.open(&path, How::Existing)
    };
    write().map_err(|error| LogError::io(&path, error))
}
