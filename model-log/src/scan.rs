//! Reads the records of one epoch from its segment, in order.

use serde::Deserialize;
use std::borrow::Cow;
use std::ops::Range;

use crate::body;
use crate::disk::{Disk, How};
use crate::error::LogError;
use crate::frame::{self, Bad, Frame, Frames, Next};
use crate::index::Entry;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::seeds::{EPOCH, Seeds};

/// What a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Good records from the start on.
    pub(crate) count: u64,
    /// Where they end.
    pub(crate) end: u64,
    /// The length of the file.
    pub(crate) file: u64,
    /// What follows them, if it is no record.
    pub(crate) bad: Option<Bad>,
}

impl Scan {
    /// An error where there are fewer records than there have to be.
    pub(crate) fn check(&self, layout: &Layout, epoch: u64, least: u64) -> Result<(), LogError> {
        if self.count >= least {
            return Ok(());
        }
        let (offset, problem) = match self.bad {
            Some(bad) => (bad.offset, bad.problem),
            None => (self.end, "records are missing"),
        };
        let path = layout.records(epoch).display().to_string();
        Err(LogError::damaged(format!("{path}, byte {offset}"), problem))
    }
}

/// Reads the segment of an epoch up to the first place that is no record; `each` sees every
/// record with its offset.
pub(crate) fn scan(
    disk: &dyn Disk,
    layout: &Layout,
    epoch: u64,
    mut each: impl FnMut(u64, &Frame<'_>) -> Result<(), LogError>,
) -> Result<Scan, LogError> {
    let path = layout.records(epoch);
    let failed = |error| LogError::io(&path, error);
    let file = disk.open(&path, How::Read).map_err(failed)?;
    let mut frames = Frames::new(file).map_err(failed)?;
    let mut scan = Scan {
        count: 0,
        end: 0,
        file: frames.end(),
        bad: None,
    };
    loop {
        match frames.next().map_err(failed)? {
            Next::End => return Ok(scan),
            Next::Bad(bad) => {
                scan.bad = Some(bad);
                return Ok(scan);
            }
            Next::Frame(offset, frame) => {
                if scan.count == EPOCH || frame.index != epoch * EPOCH + scan.count {
                    let problem = "the record has the index of another place";
                    scan.bad = Some(Bad { offset, problem });
                    return Ok(scan);
                }
                each(offset, &frame)?;
                scan.count += 1;
                scan.end = offset + frame.len() as u64;
            }
        }
    }
}

/// So many bytes are looked through at a time.
const PIECE: usize = 1 << 20;

/// Whether a record in `tail` was written when more than `records` were on the disk for certain:
/// then a bad record there is no torn end of a crash. The same where heads claim to be of such
/// records and overlap: no writer left these, and the checksums of all of them would take the
/// square of the length. What a running writer adds behind it says nothing of it.
pub(crate) fn was_synced_beyond(
    disk: &dyn Disk,
    layout: &Layout,
    epoch: u64,
    tail: Range<u64>,
    records: u64,
) -> Result<bool, LogError> {
    let path = layout.records(epoch);
    let failed = |error| LogError::io(&path, error);
    let mut file = disk.open(&path, How::Read).map_err(failed)?;
    let (mut at, end) = (tail.start, tail.end);
    let (mut piece, mut record) = (vec![0; PIECE], Vec::new());
    // Records that do not overlap have no more bytes together than there are.
    let mut room = end.saturating_sub(at);
    loop {
        let read = file.read_at(at, &mut piece).map_err(failed)?;
        for (offset, bytes) in (at..).zip(piece[..read].windows(frame::HEAD)) {
            let Some((len, synced)) = frame::claim(bytes) else {
                continue;
            };
            if synced <= records || len as u64 > end.saturating_sub(offset) {
                continue;
            }
            record.resize(len, 0);
            let read = file.read_at(offset, &mut record).map_err(failed)?;
            if let frame::Parsed::Frame(_) = frame::parse(&record[..read]) {
                return Ok(true);
            }
            match room.checked_sub(len as u64) {
                Some(left) => room = left,
                None => return Ok(true),
            }
        }
        if read < PIECE || at + PIECE as u64 >= end {
            return Ok(false);
        }
        // A head may lie across the end of the piece.
        at += (PIECE - frame::HEAD + 1) as u64;
    }
}

/// The ids of the details.
#[derive(Deserialize)]
struct Ids<'a> {
    #[serde(default, borrow)]
    request_id: Cow<'a, str>,
    #[serde(default, borrow)]
    application: Cow<'a, str>,
}

/// The index entry of a record. `buffer` is only memory.
pub(crate) fn entry(
    offset: u64,
    frame: &Frame<'_>,
    keys: &Keys,
    seeds: &mut Seeds,
    buffer: &mut Vec<u8>,
) -> Result<Entry, LogError> {
    let leaf = frame.leaf;
    let entry = Entry {
        offset,
        length: frame.len() as u32,
        minute: leaf.minute,
        kind: leaf.kind,
        outcome: leaf.outcome,
        link: leaf.link,
        erased: false,
        request: 0,
        application: 0,
    };
    let Some(key) = seeds.key((frame.index % EPOCH) as u32) else {
        return Ok(entry.erase());
    };
    buffer.clear();
    buffer.extend_from_slice(frame.sealed);
    let damaged = || {
        let place = format!("record {}", frame.index);
        LogError::damaged(place, "the sealed body does not open with its key")
    };
    let parts = body::open(buffer, frame.index, &key, frame.nonce, &leaf.commitment)
        .map_err(|_| damaged())?;
    let ids: Ids<'_> = serde_json::from_slice(parts.details).map_err(|_| damaged())?;
    Ok(Entry {
        request: keys.hide("request", &ids.request_id),
        application: keys.hide("application", &ids.application),
        ..entry
    })
}
