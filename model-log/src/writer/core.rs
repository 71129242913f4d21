//! The open log: frames, sync, tiles, checkpoints. One thread has it.

use std::fmt::Debug;
use std::sync::Arc;

use super::prepared::Prepared;
use crate::body;
use crate::digest::Digest;
use crate::disk::{Disk, DiskFile, How, write_whole};
use crate::error::LogError;
use crate::frame::Frame;
use crate::index::Entry;
use crate::keys::{self, Keys};
use crate::layout::Layout;
use crate::leaf::Leaf;
use crate::note::Signer;
use crate::record::Receipt;
use crate::seeds::{EPOCH, Seeds};
use crate::tiles::{Builder, TileFiles};
use crate::tree::Frontier;

/// The locks of the log's folder and of its keys; given up when dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    pub(crate) _log: Box<dyn Debug + Send + Sync>,
    /// `None` where the keys' folder cannot be written.
    pub(crate) _keys: Option<Box<dyn Debug + Send + Sync>>,
}

/// The segment that is written, with what belongs to its epoch.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) epoch: u64,
    pub(crate) seeds: Seeds,
    pub(crate) segment: Box<dyn DiskFile>,
    /// Bytes of the segment that are synced.
    pub(crate) synced: u64,
    pub(crate) index: Box<dyn DiskFile>,
}

/// An open log.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
    pub(crate) keys: Keys,
    pub(crate) signer: Signer,
    pub(crate) current: Current,
    /// Records that are synced.
    pub(crate) size: u64,
    /// The minute of the last leaf.
    pub(crate) minute: u32,
    pub(crate) frontier: Frontier,
    pub(crate) builder: Builder,
    pub(crate) tiles: TileFiles,
    /// The size of the last signed checkpoint, and its note.
    pub(crate) checkpoint: (u64, String),
    pub(crate) lock: Lock,
}

/// Frames are handed to the system in pieces of so many bytes, so that a long group takes no memory
/// a second time.
const PIECE: usize = 256 << 10;

/// A record on its way to the disk.
struct Framed {
    leaf: Leaf,
    entry: Entry,
}

impl Core {
    /// Writes and syncs records; answers their receipts. After an error nobody is given one, and
    /// the log must be opened again. It keeps what was synced up to the end of an epoch where the
    /// next could not be begun.
    pub(crate) fn append(&mut self, records: &mut [Prepared]) -> Result<Vec<Receipt>, LogError> {
        let mut receipts = Vec::with_capacity(records.len());
        let mut rest = records;
        while !rest.is_empty() {
            let room = EPOCH - (self.size - self.current.epoch * EPOCH);
            let now = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
            let (part, later) = rest.split_at_mut(now);
            self.append_part(part, &mut receipts)?;
            rest = later;
            if self.size == (self.current.epoch + 1) * EPOCH {
                self.begin_epoch()?;
            }
        }
        Ok(receipts)
    }

    /// Appends what fits into the current epoch.
    fn append_part(
        &mut self,
        records: &mut [Prepared],
        receipts: &mut Vec<Receipt>,
    ) -> Result<(), LogError> {
        let path = self.layout.records(self.current.epoch);
        let failed = |error| LogError::io(&path, error);
        let mut framed = Vec::with_capacity(records.len());
        let mut bytes = Vec::new();
        let (mut end, mut minute) = (self.current.synced, self.minute);
        for (index, record) in (self.size..).zip(records.iter_mut()) {
            // A clock that goes back does not take the leaves back.
            minute = minute.max(record.minute);
            let offset = end + bytes.len() as u64;
            framed.push(self.frame(record, (index, offset, minute), &mut bytes)?);
            if bytes.len() >= PIECE {
                let segment = &mut self.current.segment;
                segment.write_at(end, &bytes).map_err(failed)?;
                end += bytes.len() as u64;
                bytes.clear();
            }
        }
        let segment = &mut self.current.segment;
        segment
            .write_at(end, &bytes)
            .and_then(|()| segment.sync())
            .map_err(failed)?;
        end += bytes.len() as u64;
        // From here on the records are on the disk.
        let mut entries = Vec::with_capacity(framed.len() * crate::index::LEN);
        for (at, Framed { leaf, entry }) in framed.into_iter().enumerate() {
            let leaf_bytes = leaf.to_bytes();
            let hash = leaf.hash();
            self.frontier.push(0, hash);
            self.builder.push(&leaf_bytes, hash);
            entries.extend_from_slice(&entry.to_bytes());
            receipts.push(Receipt {
                index: self.size + at as u64,
                leaf: Digest(hash),
            });
        }
        let path = self.layout.index(self.current.epoch);
        let offset = (self.size - self.current.epoch * EPOCH) * crate::index::LEN as u64;
        self.current
            .index
            .write_at(offset, &entries)
            .map_err(|error| LogError::io(&path, error))?;
        self.current.synced = end;
        self.size += records.len() as u64;
        self.minute = minute;
        Ok(())
    }

    fn frame(
        &mut self,
        record: &mut Prepared,
        (index, offset, minute): (u64, u64, u32),
        bytes: &mut Vec<u8>,
    ) -> Result<Framed, LogError> {
        let slot = (index % EPOCH) as u32;
        let unusable = || LogError::damaged(format!("record {index}"), "there is no key for it");
        let key = self.current.seeds.key(slot).ok_or_else(unusable)?;
        let body = &mut record.body;
        body::seal(body, index, &key, record.nonce).map_err(|_| unusable())?;
        let leaf = Leaf {
            minute,
            sealed: Digest::from_content(body),
            ..record.leaf
        };
        let frame = Frame {
            index,
            synced: self.size,
            leaf,
            nonce: record.nonce,
            sealed: body,
        };
        let entry = Entry {
            offset,
            length: frame.len() as u32,
            minute,
            kind: leaf.kind,
            outcome: leaf.outcome,
            link: leaf.link,
            erased: false,
            request: record.request,
            application: record.application,
        };
        frame.write(bytes);
        Ok(Framed { leaf, entry })
    }

    /// Whether tiles are complete that are not written yet.
    pub(crate) fn has_tiles(&self) -> bool {
        self.builder.has_complete()
    }

    /// How many of these there are.
    pub(crate) fn waiting_tiles(&self) -> u64 {
        self.builder.waiting()
    }

    /// How many tiles became complete.
    pub(crate) fn completed_tiles(&self) -> u64 {
        self.builder.completed()
    }

    /// Writes a few of the complete tiles, and so many more.
    pub(crate) fn write_tiles(&mut self, more: u64) -> Result<(), LogError> {
        let (disk, layout) = (&*self.disk, &self.layout);
        self.tiles.write_some(disk, layout, &mut self.builder, more)
    }

    /// Signs a checkpoint over everything that is synced, after the tiles that it needs.
    pub(crate) fn sign_checkpoint(&mut self, repair: bool) -> Result<bool, LogError> {
        let (disk, layout) = (&*self.disk, &self.layout);
        self.tiles.write(disk, layout, &mut self.builder, repair)?;
        if self.checkpoint.0 == self.size {
            return Ok(false);
        }
        let note = self.signer.sign(self.size, self.frontier.root());
        let path = layout.checkpoint();
        write_whole(disk, &path, note.as_bytes(), How::New)
            .map_err(|error| LogError::io(&path, error))?;
        self.checkpoint = (self.size, note);
        Ok(true)
    }

    /// Ends the epoch, which is full, and begins the next. The checkpoint over the whole epoch
    /// is on the disk before the next segment is.
    fn begin_epoch(&mut self) -> Result<(), LogError> {
        self.sync_index()?;
        self.sign_checkpoint(false)?;
        let epoch = self.current.epoch + 1;
        self.current = new_epoch(&*self.disk, &self.layout, &self.keys, epoch)?;
        Ok(())
    }

    pub(crate) fn sync_index(&mut self) -> Result<(), LogError> {
        let path = self.layout.index(self.current.epoch);
        let synced = self.current.index.sync();
        synced.map_err(|error| LogError::io(&path, error))
    }

    /// The last checkpoint, and the mark that nothing is torn.
    pub(crate) fn close(mut self) -> Result<Option<String>, LogError> {
        self.sync_index()?;
        let signed = self.sign_checkpoint(false)?;
        self.tiles.sync(&*self.disk, &self.layout)?;
        set_mark(&*self.disk, &self.layout, b"")?;
        Ok(signed.then_some(self.checkpoint.1))
    }
}

/// Writes the content of the lock file: [`crate::layout::OPEN_MARK`], or nothing.
pub(crate) fn set_mark(disk: &dyn Disk, layout: &Layout, mark: &[u8]) -> Result<(), LogError> {
    let path = layout.lock();
    let set = || {
        let mut file = disk.open(&path, How::Existing)?;
        // Written first: the mark of an open log is never empty in between.
        file.write_at(0, mark)?;
        file.cut(mark.len() as u64)?;
        file.sync()
    };
    set().map_err(|error| LogError::io(&path, error))
}

/// Makes the files of a new epoch: seeds, index, and at last the segment.
pub(crate) fn new_epoch(
    disk: &dyn Disk,
    layout: &Layout,
    keys: &Keys,
    epoch: u64,
) -> Result<Current, LogError> {
    let mut secret = [0; 32];
    keys::random(&mut secret)?;
    let seeds = Seeds::new(secret);
    keys.begin_epoch(&layout.seeds(epoch), epoch, &seeds)?;
    let open = |path: std::path::PathBuf| {
        let file = disk.open(&path, How::New).and_then(|file| {
            path.parent()
                .map_or(Ok(()), |folder| disk.sync_folder(folder))?;
            Ok(file)
        });
        file.map_err(|error| LogError::io(&path, error))
    };
    let index = open(layout.index(epoch))?;
    let segment = open(layout.records(epoch))?;
    Ok(Current {
        epoch,
        seeds,
        segment,
        synced: 0,
        index,
    })
}
