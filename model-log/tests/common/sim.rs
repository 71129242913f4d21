//! A disk in memory whose power can be cut, and which can fail.
//!
//! What was not synced is lost, kept, or torn at sectors of 512 bytes, independently for every
//! write; names of a folder that were not synced are kept up to some point of their order. A
//! sync that fails forgets what it should have written, as Linux does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use model_log::disk::{Disk, DiskFile, How};

use super::Random;

const SECTOR: usize = 512;

#[derive(Debug, Clone)]
enum Pending {
    Write(usize, Vec<u8>),
    Cut(usize),
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    shown: Vec<u8>,
    pending: Vec<Pending>,
    private: bool,
}

fn apply(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    if bytes.len() < at + what.len() {
        bytes.resize(at + what.len(), 0);
    }
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// A name that was given, or taken away; a rename does both at once.
#[derive(Debug, Clone)]
struct NameChange {
    name: PathBuf,
    file: Option<usize>,
    gone: Option<PathBuf>,
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self.file {
            Some(file) => names.insert(self.name.clone(), file),
            None => names.remove(&self.name),
        };
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The write or sync after so many fails once with this error.
    Once(u64, i32),
    /// From the write or sync after so many on everything fails: the power is gone.
    Dead(u64),
}

#[derive(Debug, Default)]
struct State {
    files: Vec<File>,
    durable: BTreeMap<PathBuf, usize>,
    shown: BTreeMap<PathBuf, usize>,
    /// By folder, in order.
    names: BTreeMap<PathBuf, Vec<NameChange>>,
    folders: Vec<PathBuf>,
    locked: BTreeSet<PathBuf>,
    steps: u64,
    fault: Option<Fault>,
    faults: u64,
}

/// The disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sim(Arc<Mutex<State>>);

fn missing() -> io::Error {
    io::Error::from_raw_os_error(2)
}

impl State {
    /// Counts a write or a sync; fails when it is the turn of the fault.
    fn step(&mut self) -> io::Result<()> {
        self.steps += 1;
        match self.fault {
            Some(Fault::Once(at, code)) if self.steps > at => {
                self.fault = None;
                self.faults += 1;
                Err(io::Error::from_raw_os_error(code))
            }
            Some(Fault::Dead(at)) if self.steps > at => {
                self.faults += 1;
                Err(io::Error::from_raw_os_error(5))
            }
            _ => Ok(()),
        }
    }

    fn set_name(&mut self, name: &Path, file: Option<usize>, gone: Option<&Path>) {
        let folder = name.parent().unwrap_or(name).to_owned();
        let change = NameChange {
            name: name.to_owned(),
            file,
            gone: gone.map(PathBuf::from),
        };
        change.apply(&mut self.shown);
        self.names.entry(folder).or_default().push(change);
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.shown.get(path).copied().ok_or_else(missing)
    }
}

impl Sim {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        let mut state = self.state();
        let steps = state.steps;
        state.fault = fault.map(|fault| match fault {
            Fault::Once(after, code) => Fault::Once(steps + after, code),
            Fault::Dead(after) => Fault::Dead(steps + after),
        });
    }

    /// How many writes and syncs failed.
    pub(crate) fn faults(&self) -> u64 {
        self.state().faults
    }

    pub(crate) fn steps(&self) -> u64 {
        self.state().steps
    }

    /// The disk after the power was cut now.
    pub(crate) fn cut_power(&self, random: &mut Random) -> Self {
        let state = self.state();
        let mut names = state.durable.clone();
        for changes in state.names.values() {
            let kept = random.below(changes.len() as u64 + 1) as usize;
            for change in &changes[..kept] {
                change.apply(&mut names);
            }
        }
        let files = state.files.iter().map(|file| after_cut(file, random));
        let after = State {
            files: files.collect(),
            shown: names.clone(),
            durable: names,
            folders: state.folders.clone(),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(after)))
    }

    /// The disk after the process was killed: everything that was written is there.
    pub(crate) fn kill(&self) -> Self {
        let state = self.state();
        let files = state.files.iter().map(|file| File {
            durable: file.durable.clone(),
            shown: file.shown.clone(),
            pending: file.pending.clone(),
            private: file.private,
        });
        let after = State {
            files: files.collect(),
            durable: state.durable.clone(),
            shown: state.shown.clone(),
            names: state.names.clone(),
            folders: state.folders.clone(),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(after)))
    }

    /// All files, with their content.
    pub(crate) fn all(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let files = state.shown.iter();
        files
            .map(|(path, file)| (path.clone(), state.files[*file].shown.clone()))
            .collect()
    }

    /// A disk with these files.
    pub(crate) fn with(files: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let mut state = State::default();
        for (path, bytes) in files {
            state.files.push(File {
                durable: bytes.clone(),
                shown: bytes.clone(),
                pending: Vec::new(),
                private: true,
            });
            state.shown.insert(path.clone(), state.files.len() - 1);
            let mut folder = path.parent();
            while let Some(path) = folder {
                state.folders.push(path.to_owned());
                folder = path.parent();
            }
        }
        state.durable = state.shown.clone();
        Self(Arc::new(Mutex::new(state)))
    }
}

/// Every sector shows what was written to it up to some moment of its own.
fn after_cut(file: &File, random: &mut Random) -> File {
    let mut bytes = file.durable.clone();
    let mut moments: BTreeMap<usize, usize> = BTreeMap::new();
    for (now, pending) in file.pending.iter().enumerate() {
        match pending {
            Pending::Cut(len) if random.below(2) == 0 => bytes.resize(*len, 0),
            Pending::Cut(_) => {}
            Pending::Write(at, what) => {
                let mut begin = *at;
                while begin < at + what.len() {
                    let end = ((begin / SECTOR + 1) * SECTOR).min(at + what.len());
                    let writes = file.pending.len() as u64;
                    let moment =
                        moments
                            .entry(begin / SECTOR)
                            .or_insert_with(|| match random.below(3) {
                                0 => usize::MAX,
                                1 => 0,
                                _ => random.below(writes + 1) as usize,
                            });
                    if now < *moment {
                        apply(&mut bytes, begin, &what[begin - at..end - at]);
                    }
                    begin = end;
                }
            }
        }
    }
    File {
        durable: bytes.clone(),
        shown: bytes,
        pending: Vec::new(),
        private: file.private,
    }
}

#[derive(Debug)]
struct Handle {
    disk: Sim,
    file: usize,
}

impl Disk for Sim {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        let file = state.find(path)?;
        Ok(state.files[file].shown.clone())
    }

    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let new = matches!(how, How::New | How::NewPrivate);
        if new {
            let folder = path.parent().unwrap_or(path).to_owned();
            if !state.folders.contains(&folder) {
                return Err(missing());
            }
            state.step()?;
        }
        let file = match state.find(path) {
            Ok(file) => {
                if new {
                    state.files[file].shown.clear();
                    state.files[file].pending.push(Pending::Cut(0));
                }
                file
            }
            Err(_) if new => {
                state.files.push(File {
                    private: how == How::NewPrivate,
                    ..File::default()
                });
                let file = state.files.len() - 1;
                state.set_name(path, Some(file), None);
                file
            }
            Err(error) => return Err(error),
        };
        Ok(Box::new(Handle {
            disk: self.clone(),
            file,
        }))
    }

    fn exists(&self, path: &Path) -> bool {
        let state = self.state();
        state.shown.contains_key(path) || state.folders.iter().any(|folder| folder == path)
    }

    fn is_open_to_others(&self, path: &Path) -> io::Result<bool> {
        let state = self.state();
        let file = state.find(path)?;
        Ok(!state.files[file].private)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, bool)>> {
        let state = self.state();
        if !state.folders.iter().any(|one| one == folder) {
            return Err(missing());
        }
        let name = |path: &Path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        let inside = |path: &&PathBuf| path.parent() == Some(folder);
        let files = state
            .shown
            .keys()
            .filter(inside)
            .map(|path| (name(path), false));
        let folders = state
            .folders
            .iter()
            .filter(inside)
            .map(|path| (name(path), true));
        let mut names: Vec<_> = files.chain(folders).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        let mut next = Some(folder);
        while let Some(path) = next {
            if !state.folders.iter().any(|one| one == path) {
                state.folders.push(path.to_owned());
            }
            next = path.parent();
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let file = state.find(from)?;
        state.set_name(to, Some(file), Some(from));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        if state.find(path).is_ok() {
            state.set_name(path, None, None);
            return Ok(());
        }
        let before = state.folders.len();
        state.folders.retain(|folder| folder != path);
        if state.folders.len() == before {
            Err(missing())
        } else {
            Ok(())
        }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        for change in state.names.remove(folder).unwrap_or_default() {
            change.apply(&mut state.durable);
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Debug + Send + Sync>>> {
        let mut state = self.state();
        let folder = path.parent().unwrap_or(path);
        if !state.folders.iter().any(|one| one == folder) {
            return Err(missing());
        }
        if !state.locked.insert(path.to_owned()) {
            return Ok(None);
        }
        if state.find(path).is_err() {
            state.files.push(File::default());
            let file = state.files.len() - 1;
            state.set_name(path, Some(file), None);
        }
        Ok(Some(Box::new(Unlock(self.clone(), path.to_owned()))))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        Ok(self.state().locked.contains(path))
    }
}

#[derive(Debug)]
struct Unlock(Sim, PathBuf);

impl Drop for Unlock {
    fn drop(&mut self) {
        self.0.state().locked.remove(&self.1);
    }
}

impl DiskFile for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.file].shown.len() as u64)
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.state();
        let bytes = state.files[self.file]
            .shown
            .get(offset as usize..)
            .unwrap_or_default();
        let read = bytes.len().min(into.len());
        into[..read].copy_from_slice(&bytes[..read]);
        Ok(read)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let failed = state.step();
        // A disk that fills up takes a part.
        let taken = if failed.is_err() {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        let file = &mut state.files[self.file];
        apply(&mut file.shown, offset as usize, &bytes[..taken]);
        // A sector goes to the disk whole, with what a failed sync has left out before.
        let begin = offset as usize / SECTOR * SECTOR;
        let end = (offset as usize + taken).next_multiple_of(SECTOR);
        let end = end.min(file.shown.len());
        let sectors = file.shown.get(begin..end).unwrap_or_default().to_vec();
        file.pending.push(Pending::Write(begin, sectors));
        failed
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.step()?;
        let file = &mut state.files[self.file];
        file.shown.resize(len as usize, 0);
        file.pending.push(Pending::Cut(len as usize));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        let failed = state.step();
        let file = &mut state.files[self.file];
        if failed.is_err() {
            // The pages are marked clean and are not on the disk.
            file.pending.clear();
            return failed;
        }
        // Not what is shown: a sync that failed has left some of that out for good.
        for pending in std::mem::take(&mut file.pending) {
            match pending {
                Pending::Write(at, what) => apply(&mut file.durable, at, &what),
                Pending::Cut(len) => file.durable.resize(len, 0),
            }
        }
        Ok(())
    }
}
