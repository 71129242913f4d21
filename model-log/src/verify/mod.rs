//! Derives everything again and compares it with every byte of the folder.

mod derived;
mod epoch;
mod folder;
mod history;
mod report;
mod tiles;

use std::path::Path;
use std::sync::Arc;

use self::epoch::{Epoch, Work};
pub use self::report::{Against, Problem, Report};
use crate::disk::{Disk, RealDisk};
use crate::error::LogError;
use crate::keys::{self, Keys};
use crate::layout::{Layout, OPEN_MARK};
use crate::note::{Checkpoint, Verifier};

/// Checks the log in `folder`.
///
/// # Errors
/// When there is no log of this version, or a file cannot be read. What is wrong with a log that
/// can be read is in the report.
pub fn verify(folder: &Path, against: &Against) -> Result<Report, LogError> {
    verify_on(Arc::new(RealDisk), folder, against)
}

/// As [`verify`], on another disk.
///
/// # Errors
/// As [`verify`].
pub fn verify_on(
    disk: Arc<dyn Disk>,
    folder: &Path,
    against: &Against,
) -> Result<Report, LogError> {
    let layout = Layout::new(folder);
    let mut state = State::read(&*disk, &layout);
    let mut report = check(&disk, folder, against, &state)?;
    // A server may have started on a closed log, or run and stopped, while it was checked.
    for _ in 0..AGAIN {
        let now = State::read(&*disk, &layout);
        if report.problems.is_empty() || state.is_open() || now == state {
            break;
        }
        state = now;
        report = check(&disk, folder, against, &state)?;
    }
    Ok(report)
}

/// A log in which a server starts and stops more often than this is not checked again.
const AGAIN: usize = 3;

/// What a server changes when it starts, before it writes anything else, and when it stops.
#[derive(PartialEq, Eq)]
struct State {
    mark: Vec<u8>,
    checkpoint: Vec<u8>,
}

impl State {
    fn read(disk: &dyn Disk, layout: &Layout) -> Self {
        Self {
            mark: disk.read(&layout.lock()).unwrap_or_default(),
            checkpoint: disk.read(&layout.checkpoint()).unwrap_or_default(),
        }
    }

    /// Whether a process has the log, or one crashed.
    fn is_open(&self) -> bool {
        // Cut off it is the mark of a server that was killed while it wrote it.
        !self.mark.is_empty() && OPEN_MARK.starts_with(&self.mark)
    }
}

fn check(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    against: &Against,
    state: &State,
) -> Result<Report, LogError> {
    let layout = Layout::new(folder);
    let origin = layout.origin(&**disk)?;
    let origin = origin.ok_or_else(|| LogError::NoLog(folder.to_owned()))?;
    let mut report = Report::default();
    let key_folder = against.keys.clone().unwrap_or_else(|| layout.keys());
    let check = Check {
        open: state.is_open(),
        keys: open_keys(disk, &key_folder, against, &mut report)?,
        disk: Arc::clone(disk),
        layout,
    };
    if !check.disk.exists(&check.layout.lock()) {
        report.problem("lock", "the file is missing");
    }
    if !check.open && !state.mark.is_empty() {
        report.problem(
            "lock",
            "expected an empty file, or the mark of a running server",
        );
    }
    let Some(verifier) = check.verifier(&origin, against, &mut report)? else {
        return Ok(report);
    };
    let own = check.own_checkpoint(&verifier, &mut report);
    let outside = outside_checkpoint(&verifier, against, &mut report);
    // Listed before the records are read: tiles are written when their records are on the disk.
    let files = tiles::files(&check)?;
    let epochs = check.list_epochs(&mut report)?;
    let read = check.read_epochs(epochs, &[own.as_ref(), outside.as_ref()], &mut report)?;
    report.records = read.iter().map(|epoch| epoch.count).sum();
    report.erased = read.iter().map(|epoch| epoch.erased.len() as u64).sum();
    report.signed = own.as_ref().map_or(0, |own| own.size);
    check.ends(&read, own.as_ref(), &mut report);
    check.checkpoint("checkpoint", own.as_ref(), &read, &mut report);
    if outside.is_some() {
        check.checkpoint(
            "the checkpoint from elsewhere",
            outside.as_ref(),
            &read,
            &mut report,
        );
        report.covered = outside.map(|outside| outside.size);
    }
    check.erasures(&read, &mut report);
    check.models(&read, &mut report)?;
    tiles::check(&check, &read, files, &mut report);
    check.folders(&key_folder, &read, &mut report)?;
    Ok(report)
}

/// What every part of the check needs.
struct Check {
    disk: Arc<dyn Disk>,
    layout: Layout,
    keys: Option<Keys>,
    /// A process has the log, or one crashed: what can be derived again may be torn.
    open: bool,
}

fn open_keys(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    against: &Against,
    report: &mut Report,
) -> Result<Option<Keys>, LogError> {
    if against.keys.is_none() && !disk.exists(folder) {
        report.notes.push(
            "without the keys the bodies stay closed: neither they nor the index were checked"
                .to_owned(),
        );
        return Ok(None);
    }
    match Keys::open(Arc::clone(disk), folder) {
        Ok(keys) => Ok(Some(keys)),
        Err(error) if against.keys.is_some() => Err(error),
        Err(error) => {
            report.problem("keys", error.to_string());
            Ok(None)
        }
    }
}

fn outside_checkpoint(
    verifier: &Verifier,
    against: &Against,
    report: &mut Report,
) -> Option<Checkpoint> {
    match verifier.open(against.checkpoint.as_ref()?) {
        Ok(checkpoint) => Some(checkpoint),
        Err(error) => {
            report.problem("the checkpoint from elsewhere", error.to_string());
            None
        }
    }
}

impl Check {
    /// The public key: the one from elsewhere, or the folder's own.
    fn verifier(
        &self,
        origin: &str,
        against: &Against,
        report: &mut Report,
    ) -> Result<Option<Verifier>, LogError> {
        let path = self.layout.verifier_key();
        let text = self.disk.read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let own = Verifier::parse(&text)
            .ok()
            .filter(|own| format!("{own}\n") == text);
        let Some(own) = own else {
            report.problem(
                "verifier-key",
                "expected a verifier key: ORIGIN+HASH+BASE64",
            );
            return Ok(against.verifier.clone());
        };
        if own.origin() != origin {
            report.problem(
                "verifier-key",
                format!(
                    "the key is one of the origin {}, the log is one of {origin}",
                    own.origin()
                ),
            );
        }
        if let Some(given) = against.verifier.as_ref().filter(|given| **given != own) {
            report.problem(
                "verifier-key",
                format!("expected the key {given}, found {own}"),
            );
        }
        if let Some(keys) = &self.keys {
            match keys::signer(&*self.disk, keys.folder(), origin) {
                Ok(signer) if signer.verifier() == own => {}
                Ok(_) => report.problem(
                    "keys/signing.pk8",
                    "not the key that belongs to verifier-key",
                ),
                Err(error) => report.problem("keys/signing.pk8", error.to_string()),
            }
        }
        Ok(Some(against.verifier.clone().unwrap_or(own)))
    }

    /// The checkpoint in the folder; its file holds one signature and nothing else.
    fn own_checkpoint(&self, verifier: &Verifier, report: &mut Report) -> Option<Checkpoint> {
        let bytes = self
            .disk
            .read(&self.layout.checkpoint())
            .unwrap_or_default();
        let opened = std::str::from_utf8(&bytes).ok().map(|note| {
            let lines = note.lines().count();
            verifier.open(note).map(|checkpoint| (checkpoint, lines))
        });
        match opened {
            Some(Ok((checkpoint, 5))) => return Some(checkpoint),
            Some(Ok(_)) => report.problem("checkpoint", "expected one signature and nothing else"),
            Some(Err(error)) => report.problem("checkpoint", error.to_string()),
            None => report.problem("checkpoint", "not a text"),
        }
        None
    }

    fn list_epochs(&self, report: &mut Report) -> Result<u64, LogError> {
        match self.layout.epochs(&*self.disk) {
            Err(LogError::Damaged { place, problem }) => {
                report.problem(place, problem);
                // Those before the gap.
                let epochs =
                    (0..).take_while(|epoch| self.disk.exists(&self.layout.records(*epoch)));
                Ok(epochs.count() as u64)
            }
            epochs => epochs,
        }
    }

    /// Reads all epochs, on two threads.
    fn read_epochs(
        &self,
        epochs: u64,
        checkpoints: &[Option<&Checkpoint>],
        report: &mut Report,
    ) -> Result<Vec<Epoch>, LogError> {
        let marks: Vec<u64> = checkpoints.iter().flatten().map(|one| one.size).collect();
        let work = Work {
            check: self,
            marks: &marks,
            last: epochs.saturating_sub(1),
        };
        let next = std::sync::atomic::AtomicU64::new(0);
        let read = || -> Result<Vec<Epoch>, LogError> {
            let mut read = Vec::new();
            loop {
                let epoch = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if epoch >= epochs {
                    return Ok(read);
                }
                read.push(work.read(epoch)?);
            }
        };
        let (first, second) = std::thread::scope(|scope| {
            let other = scope.spawn(read);
            let first = read();
            let failed = |_| {
                Err(LogError::Argument(
                    "a thread of the check failed".to_owned(),
                ))
            };
            (first, other.join().unwrap_or_else(failed))
        });
        let mut all = first?;
        all.extend(second?);
        all.sort_by_key(|epoch| epoch.number);
        for epoch in &mut all {
            for problem in std::mem::take(&mut epoch.problems) {
                report.problem(problem.place, problem.problem);
            }
            report.notes.append(&mut epoch.notes);
        }
        Ok(all)
    }
}
