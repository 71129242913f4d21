//! The real disk, watched: what each thread does, and a gate at which one can be held.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use model_log::disk::{Disk, DiskFile, How, RealDisk};

/// What a thread did with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    List,
    Read(usize),
    Write,
    Sync,
}

/// The thread that writes a log.
pub(crate) const WRITER: &str = "decision log";

/// One step of a thread.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) thread: String,
    pub(crate) act: Act,
    pub(crate) path: PathBuf,
}

impl Step {
    /// Whether it is of this thread, with a file below this folder of the log.
    pub(crate) fn is_of(&self, thread: &str, folder: &str) -> bool {
        self.thread == thread
            && self
                .path
                .components()
                .any(|part| part.as_os_str() == folder)
    }
}

type Matches = Box<dyn Fn(&Step) -> bool + Send>;

#[derive(Default)]
struct State {
    steps: Vec<Step>,
    gate: Option<Matches>,
    /// Threads that stand at the gate, and how many of them may pass.
    held: usize,
    passes: usize,
}

/// The disk; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Watched {
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched")
    }
}

impl Watched {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap()
    }

    /// From now on steps that match wait before they are done.
    pub(crate) fn close(&self, matches: impl Fn(&Step) -> bool + Send + 'static) {
        self.state().gate = Some(Box::new(matches));
    }

    /// Waits until a thread stands at the gate.
    pub(crate) fn wait_for_one(&self) {
        self.wait_for(1);
    }

    /// Waits until so many threads stand at the gate.
    pub(crate) fn wait_for(&self, threads: usize) {
        let state = self.state();
        drop(
            self.state
                .1
                .wait_while(state, |state| state.held < threads)
                .unwrap(),
        );
    }

    /// Lets one thread pass that stands there.
    pub(crate) fn pass(&self) {
        self.wait_for_one();
        let mut state = self.state();
        state.held -= 1;
        state.passes += 1;
        self.state.1.notify_all();
    }

    /// Lets all pass, from now on.
    pub(crate) fn open(&self) {
        let mut state = self.state();
        state.gate = None;
        self.state.1.notify_all();
    }

    /// What was done since the last call.
    pub(crate) fn steps(&self) -> Vec<Step> {
        std::mem::take(&mut self.state().steps)
    }

    fn step(&self, act: Act, path: &Path) {
        let thread = std::thread::current();
        let step = Step {
            thread: thread.name().unwrap_or_default().to_owned(),
            act,
            path: path.to_owned(),
        };
        let mut state = self.state();
        if state.gate.as_ref().is_some_and(|gate| gate(&step)) {
            state.held += 1;
            self.state.1.notify_all();
            let at_gate = |state: &mut State| state.gate.is_some() && state.passes == 0;
            state = self.state.1.wait_while(state, at_gate).unwrap();
            match state.gate.is_some() {
                true => state.passes -= 1,
                false => state.held -= 1,
            }
        }
        state.steps.push(step);
    }
}

#[derive(Debug)]
struct File {
    disk: Watched,
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.disk.step(Act::Read(into.len()), &self.path);
        self.file.read_at(offset, into)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.step(Act::Write, &self.path);
        self.file.write_at(offset, bytes)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.file.cut(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.step(Act::Sync, &self.path);
        self.file.sync()
    }
}

impl Disk for Watched {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let bytes = RealDisk.read(path)?;
        self.step(Act::Read(bytes.len()), path);
        Ok(bytes)
    }

    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File {
            disk: self.clone(),
            path: path.to_owned(),
            file: RealDisk.open(path, how)?,
        }))
    }

    fn exists(&self, path: &Path) -> bool {
        RealDisk.exists(path)
    }

    fn is_open_to_others(&self, path: &Path) -> io::Result<bool> {
        RealDisk.is_open_to_others(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, bool)>> {
        let names = RealDisk.list(folder)?;
        self.step(Act::List, folder);
        Ok(names)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.make_folder(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_folder(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Debug + Send + Sync>>> {
        RealDisk.lock(path)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        RealDisk.is_locked(path)
    }
}
