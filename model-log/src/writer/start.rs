//! Opens a log for writing: the lock, the check of its end, what a crash has left.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::core::{Core, Current, Lock, new_epoch, set_mark};
use super::prepared::Prepared;
use super::recover::{self, End, LastErasure};
use crate::disk::{Disk, How, write_whole};
use crate::error::LogError;
use crate::event::Recovered;
use crate::keys::{self, Keys};
use crate::layout::{Layout, OPEN_MARK};
use crate::note::{Verifier, is_origin};
use crate::options::{Event, Options};
use crate::record::{Kind, Record};
use crate::stored::read_checkpoint;
use crate::tiles::{Builder, TileFiles};
use crate::tree::{Frontier, Hash};

/// Where the last segment is cut whatever it holds: after a failed sync the system may show
/// bytes that are not on the disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) epoch: u64,
    pub(crate) len: u64,
}

/// What is needed to open a log, once or again.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
    pub(crate) keys: PathBuf,
    pub(crate) options: Options,
}

/// Whoever reads a log looks for a moment whether somebody has its lock.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(20);

type Held = Box<dyn Debug + Send + Sync>;

fn lock_soon(disk: &dyn Disk, path: &Path) -> io::Result<Option<Held>> {
    for _ in 0..LOOKS {
        if let Some(held) = disk.lock(path)? {
            return Ok(Some(held));
        }
        std::thread::sleep(LOOK);
    }
    disk.lock(path)
}

impl Opening {
    /// Takes the locks; makes the log where there is none.
    pub(crate) fn lock(&self) -> Result<(Lock, Vec<Event>), LogError> {
        let (disk, layout) = (&*self.disk, &self.layout);
        let folder = layout.folder();
        let failed = |error| LogError::io(folder, error);
        disk.make_folder(folder).map_err(failed)?;
        if layout.origin(disk)?.is_none() {
            self.check_new()?;
        }
        let log = lock_soon(disk, &layout.lock()).map_err(failed)?;
        let log = log.ok_or_else(|| LogError::Locked(folder.to_owned()))?;
        // Asked again: whoever had the lock may have made the log meanwhile.
        let is_new = layout.origin(disk)?.is_none();
        if is_new {
            disk.make_folder(&self.keys)
                .map_err(|error| LogError::io(&self.keys, error))?;
        }
        let lock = Lock {
            _log: log,
            _keys: keys::lock(disk, &self.keys)?,
        };
        let mut events = Vec::new();
        if is_new {
            self.make(&mut events)?;
        }
        Ok((lock, events))
    }

    /// Refuses a folder that holds more than what a start that was interrupted may have left.
    fn check_new(&self) -> Result<(), LogError> {
        let (disk, layout) = (&*self.disk, &self.layout);
        let folder = layout.folder();
        let failed = |error| LogError::io(folder, error);
        let begun = [
            "lock", "keys", "records", "index", "seeds", "models", "tile",
        ];
        let ours = |name: &str| {
            let name = name.strip_suffix(".new").unwrap_or(name);
            begun.contains(&name) || ["format", "checkpoint", "verifier-key"].contains(&name)
        };
        let names = disk.list(folder).map_err(failed)?;
        let keys = |name: &str| folder.join(name) == self.keys;
        if names.iter().any(|(name, _)| !ours(name) && !keys(name)) {
            return Err(LogError::NotEmpty(folder.to_owned()));
        }
        // The first record is written after `format`.
        let segment = disk.open(&layout.records(0), How::Read);
        if segment.is_ok_and(|segment| !segment.is_empty().unwrap_or(false)) {
            return Err(LogError::damaged(
                layout.format().display().to_string(),
                "the file is missing, though there are records: restore it from a copy",
            ));
        }
        Ok(())
    }

    /// Makes a new log. The file `format` comes last: without it, the next start begins again, and
    /// takes the keys that this one has made.
    fn make(&self, events: &mut Vec<Event>) -> Result<(), LogError> {
        let (disk, layout) = (&*self.disk, &self.layout);
        let origin = &self.options.origin;
        if !is_origin(origin) {
            return Err(LogError::Argument(format!(
                "the origin of the log is `{origin}`: expected a name without spaces and `+`, such as bank.example/underwrite"
            )));
        }
        let own = disk.read(&layout.verifier_key()).ok();
        let own = own.and_then(|text| Verifier::parse(&String::from_utf8_lossy(&text)).ok());
        keys::check_free(disk, &self.keys, layout.folder(), own)?;
        if !keys::are_there(disk, &self.keys) {
            keys::make(disk, &self.keys)?;
            events.push(Event::KeysMade(self.keys.clone()));
        }
        layout.make_folders(disk)?;
        let keys = Keys::open(Arc::clone(&self.disk), &self.keys)?;
        let signer = keys::signer(disk, &self.keys, origin)?;
        keys::begin(disk, &self.keys, &signer.verifier())?;
        let write = |path: PathBuf, text: String| {
            write_whole(disk, &path, text.as_bytes(), How::New)
                .map_err(|error| LogError::io(&path, error))
        };
        write(layout.verifier_key(), format!("{}\n", signer.verifier()))?;
        write(
            layout.checkpoint(),
            signer.sign(0, Frontier::default().root()),
        )?;
        drop(new_epoch(disk, layout, &keys, 0)?);
        layout.write_format(disk, origin)?;
        keys::finish(disk, &self.keys)
    }

    /// Opens the log, whose lock is taken.
    pub(crate) fn open(
        &self,
        lock: Lock,
        cut: Option<Cut>,
        events: &mut Vec<Event>,
    ) -> Result<Core, (Lock, LogError)> {
        match self.read(cut) {
            Ok((ready, end, bytes)) => ready.begin(self, lock, end, bytes, events),
            Err(error) => Err((lock, error)),
        }
    }

    /// Removes files that a crash has left unfinished.
    fn sweep(&self) -> Result<(), LogError> {
        let layout = &self.layout;
        let mut folders = vec![layout.folder().to_owned(), self.keys.clone()];
        folders.extend(["records", "index", "seeds", "models"].map(|name| layout.path(name)));
        for folder in folders {
            let failed = |error| LogError::io(&folder, error);
            let mut removed = false;
            for (name, is_folder) in self.disk.list(&folder).map_err(failed)? {
                if !is_folder && name.ends_with(".new") {
                    self.disk.remove(&folder.join(name)).map_err(failed)?;
                    removed = true;
                }
            }
            if removed {
                self.disk.sync_folder(&folder).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Everything that is read and mended before the first record is written.
    fn read(&self, cut: Option<Cut>) -> Result<(Ready, End, u64), LogError> {
        let (disk, layout) = (&*self.disk, &self.layout);
        let origin = layout.origin(disk)?;
        let origin = origin.ok_or_else(|| LogError::NoLog(layout.folder().to_owned()))?;
        let keys = Keys::open(Arc::clone(&self.disk), &self.keys)?;
        let signer = keys::signer(disk, &self.keys, &origin)?;
        let (note, checkpoint) = read_checkpoint(disk, layout, &signer.verifier())?;
        let mark = layout.lock();
        let mark = disk
            .read(&mark)
            .map_err(|error| LogError::io(&mark, error))?;
        let clean = mark.is_empty() && cut.is_none();
        // Also over itself: after a sync that failed, what is shown may not be on the disk.
        set_mark(disk, layout, OPEN_MARK)?;
        // A log that opens itself again may be given a model at this moment.
        if cut.is_none() {
            // A copy may lack folders that were empty.
            layout.make_folders(disk)?;
            self.sweep()?;
            keys::finish(disk, &self.keys)?;
        }
        let epochs = layout.epochs(disk)?;
        let last = epochs.checked_sub(1).ok_or_else(|| {
            LogError::damaged(
                layout.records(0).display().to_string(),
                "the file is missing",
            )
        })?;
        let roots = recover::roots(disk, layout, last, clean)?;
        recover::indexes(disk, layout, &keys, last)?;
        let (end, seeds) = recover::end(disk, layout, &keys, last, &roots, &checkpoint, cut)?;
        let segment_path = layout.records(last);
        let failed = |error| LogError::io(&segment_path, error);
        let mut segment = disk.open(&segment_path, How::Existing).map_err(failed)?;
        let bytes = segment.len().map_err(failed)?.saturating_sub(end.len);
        recover::cut_index(disk, layout, last, &end)?;
        recover::settle(&mut *segment, &end, bytes).map_err(failed)?;
        let index = recover::write_index(disk, layout, last, &end, clean)?;
        let ready = Ready {
            keys,
            signer,
            roots,
            checkpoint: (checkpoint.size, note),
            current: Current {
                epoch: last,
                seeds,
                segment,
                synced: end.len,
                index,
            },
        };
        Ok((ready, end, bytes))
    }
}

/// A log whose end is good.
struct Ready {
    keys: Keys,
    signer: crate::note::Signer,
    roots: Vec<Hash>,
    checkpoint: (u64, String),
    current: Current,
}

impl Ready {
    fn begin(
        self,
        opening: &Opening,
        lock: Lock,
        end: End,
        bytes: u64,
        events: &mut Vec<Event>,
    ) -> Result<Core, (Lock, LogError)> {
        let mut frontier = Frontier::default();
        self.roots.iter().for_each(|root| frontier.push(16, *root));
        let mut builder = Builder::after_epochs(&self.roots);
        for (leaf, hash) in end.leaves.iter().zip(&end.hashes) {
            frontier.push(0, *hash);
            builder.push(leaf, *hash);
        }
        let mut core = Core {
            disk: Arc::clone(&opening.disk),
            layout: opening.layout.clone(),
            keys: self.keys,
            signer: self.signer,
            size: end.size,
            minute: end.minute,
            current: self.current,
            frontier,
            builder,
            tiles: TileFiles::default(),
            checkpoint: self.checkpoint,
            lock,
        };
        let recovered = (bytes > 0).then_some(Recovered {
            bytes,
            records: end.size,
            because: end.because,
        });
        match core.begin(end.erasure, recovered, events) {
            Ok(()) => Ok(core),
            Err(error) => Err((core.lock, error)),
        }
    }
}

impl Core {
    /// The first writes after opening: tiles, an erasure that was begun, old keys, the record about
    /// what was cut, and a checkpoint. An epoch that a crash left full is ended by the next record.
    fn begin(
        &mut self,
        erasure: Option<LastErasure>,
        recovered: Option<Recovered>,
        events: &mut Vec<Event>,
    ) -> Result<(), LogError> {
        self.tiles
            .write(&*self.disk, &self.layout, &mut self.builder, true)?;
        self.tiles
            .sweep(&*self.disk, &self.layout, self.current.epoch)?;
        // Before anything is recorded: an erasure that a record follows is ended.
        if let Some(erasure) = erasure
            && let Some(error) = self.erase_again(&erasure)?
            && erasure.index + 1 == self.size
        {
            let (erasure, because) = (erasure.index, error.to_string());
            events.push(Event::ErasureLeft { erasure, because });
        }
        self.settle_keys(events)?;
        if let Some(recovered) = recovered {
            let (bytes, records) = (recovered.bytes, recovered.records);
            let mut record = Record::new(Kind::Recovered);
            record.details.event = serde_json::to_value(recovered).ok();
            self.append(&mut Prepared::all(vec![record], &self.keys)?)?;
            events.push(Event::Recovered { bytes, records });
        }
        if self.sign_checkpoint(false)? {
            events.push(Event::Checkpoint(self.checkpoint.1.clone()));
        }
        Ok(())
    }

    /// Destroys keys that somebody has put back: an old copy of the seeds would open with them.
    fn settle_keys(&self, events: &mut Vec<Event>) -> Result<(), LogError> {
        let is_known = |(epoch, _): &(u64, Vec<u32>)| *epoch <= self.current.epoch;
        for (epoch, _) in self.keys.doubled()?.into_iter().filter(is_known) {
            let path = self.layout.seeds(epoch);
            let keys = self.keys.seeds(&path, epoch);
            let settle = |(seeds, generation)| self.keys.settle(&path, epoch, &seeds, generation);
            if let Err(error) = keys.and_then(settle) {
                // Decisions do not wait for it.
                let because = error.to_string();
                events.push(Event::KeyLeft { epoch, because });
            }
        }
        Ok(())
    }
}
