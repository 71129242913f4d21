//! Derives everything again and compares it with every byte of the folder.

mod epoch;
mod folder;
mod tiles;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use self::epoch::{Epoch, Work};
use crate::digest::Digest;
use crate::disk::{Disk, RealDisk};
use crate::error::LogError;
use crate::keys::{self, Keys};
use crate::layout::{Layout, OPEN_MARK};
use crate::note::{Checkpoint, Verifier};
use crate::seeds::EPOCH;
use crate::tree::{Frontier, Hash};

/// What a log is checked against.
#[derive(Debug, Clone, Default)]
pub struct Against {
    /// The folder of the keys; `None` is `FOLDER/keys`. Without keys the bodies stay closed, and
    /// the index is not checked.
    pub keys: Option<PathBuf>,
    /// A public key from elsewhere; `None` is the one in the folder.
    pub verifier: Option<Verifier>,
    /// A checkpoint that was kept elsewhere: a signed note.
    pub checkpoint: Option<String>,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records of the log.
    pub records: u64,
    /// Records that were erased.
    pub erased: u64,
    /// Records that the checkpoint in the folder covers.
    pub signed: u64,
    /// Records that the checkpoint from elsewhere covers; what comes after it can be rewritten
    /// by whoever has folder and keys.
    pub covered: Option<u64>,
    /// What is not as it should be.
    pub problems: Vec<Problem>,
    /// What is worth knowing and no problem, such as the torn end that a crash leaves.
    pub notes: Vec<String>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, and where in it.
    pub place: String,
    /// What was expected and what was found.
    pub problem: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// The most problems that are listed; a log that is another one has as many as it has files.
const MOST: usize = 100;

impl Report {
    fn problem(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        if self.problems.len() < MOST {
            let (place, problem) = (place.into(), problem.into());
            self.problems.push(Problem { place, problem });
        }
    }
}

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
    let origin = layout.origin(&*disk)?;
    let origin = origin.ok_or_else(|| LogError::NoLog(folder.to_owned()))?;
    let mut report = Report::default();
    let key_folder = against.keys.clone().unwrap_or_else(|| layout.keys());
    let mark = layout.lock();
    let mark = disk.read(&mark).unwrap_or_default();
    let check = Check {
        open: mark == OPEN_MARK,
        keys: open_keys(&disk, &key_folder, against, &mut report)?,
        disk,
        layout,
    };
    if !check.open && !mark.is_empty() {
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
    tiles::check(&check, &read, report.signed, &mut report)?;
    check.folders(&key_folder, epochs, &mut report)?;
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

    /// Ended epochs are full, time goes forward, and the end is whole or torn by a crash.
    fn ends(&self, read: &[Epoch], own: Option<&Checkpoint>, report: &mut Report) {
        let mut minute = 0;
        for epoch in read {
            let place = format!("records/{:08}", epoch.number);
            let last = epoch.number + 1 == read.len() as u64;
            if epoch.minutes.0 < minute {
                report.problem(
                    &place,
                    "the first record is older than the last one of the file before",
                );
            }
            minute = minute.max(epoch.minutes.1);
            let records = epoch.number * EPOCH + epoch.count;
            if let Some(bad) = epoch.bad {
                let at = format!("{place}, byte {}, record {records}", bad.offset);
                let covered = own.is_none_or(|own| records < own.size);
                if last && self.open && !covered && !epoch.vouched {
                    let bytes = epoch.file - bad.offset;
                    report.notes.push(format!("{at}: the last {bytes} bytes are torn, as a crash leaves them; the next start cuts them"));
                } else {
                    report.problem(at, bad.problem);
                }
            } else if !last && epoch.count < EPOCH {
                report.problem(
                    place,
                    format!("{} records are missing at the end", EPOCH - epoch.count),
                );
            }
        }
        if let (false, Some(own)) = (self.open, own)
            && own.size < report.records
        {
            report.problem("checkpoint", format!("it covers {} of {} records, though the log was closed: an older one was put back, or records were added", own.size, report.records));
        }
    }

    /// Whether the records lead to what was signed.
    fn checkpoint(
        &self,
        name: &str,
        checkpoint: Option<&Checkpoint>,
        read: &[Epoch],
        report: &mut Report,
    ) {
        let Some(checkpoint) = checkpoint else { return };
        if checkpoint.size > report.records {
            report.problem(
                name,
                format!(
                    "it was signed over {} records, the log has {}: the end is missing",
                    checkpoint.size, report.records
                ),
            );
            return;
        }
        if root_at(read, checkpoint.size) != Some(checkpoint.root.0) {
            report.problem(name, format!("the records do not lead to the root that was signed for {} records: one of them was replaced", checkpoint.size));
        }
    }

    /// Keys are missing exactly where a record says that they were destroyed.
    fn erasures(&self, read: &[Epoch], report: &mut Report) {
        if self.keys.is_none() {
            return;
        }
        let said: BTreeSet<u64> = read
            .iter()
            .flat_map(|epoch| &epoch.erasures)
            .copied()
            .collect();
        let gone: BTreeSet<u64> = read
            .iter()
            .flat_map(|epoch| &epoch.erased)
            .copied()
            .collect();
        for index in gone.difference(&said) {
            let epoch = index / EPOCH;
            report.problem(
                format!("seeds/{epoch:08}"),
                format!("the key of record {index} is gone, and no record says that it was erased"),
            );
        }
        let records = report.records;
        for index in said.difference(&gone).filter(|index| **index < records) {
            let problem = format!("record {index} was erased, and its key is still there");
            if self.open {
                report
                    .notes
                    .push(format!("{problem}: the next start destroys it"));
            } else {
                report.problem(format!("seeds/{:08}", index / EPOCH), problem);
            }
        }
    }

    /// Every model that answered is there and is what its name says.
    fn models(&self, read: &[Epoch], report: &mut Report) -> Result<(), LogError> {
        let used: BTreeSet<Digest> = read
            .iter()
            .flat_map(|epoch| &epoch.models)
            .copied()
            .collect();
        for digest in used {
            if !self.disk.exists(&self.layout.model(&digest)) {
                report.problem(
                    "models",
                    format!("sha256-{digest}.wasm is missing: a record was decided by it"),
                );
            }
        }
        let folder = self.layout.path("models");
        for (name, _) in self
            .disk
            .list(&folder)
            .map_err(|error| LogError::io(&folder, error))?
        {
            let path = folder.join(&name);
            let bytes = self
                .disk
                .read(&path)
                .map_err(|error| LogError::io(&path, error))?;
            if name == format!("sha256-{}.wasm", Digest::from_content(&bytes)) {
                continue;
            }
            if self.open && name.ends_with(".new") {
                report
                    .notes
                    .push(format!("models/{name}: a file that was being written"));
            } else {
                report.problem(
                    format!("models/{name}"),
                    "the content has another SHA-256 than the name",
                );
            }
        }
        Ok(())
    }
}

/// The root of the tree over the first `size` records.
fn root_at(read: &[Epoch], size: u64) -> Option<Hash> {
    let mut frontier = Frontier::default();
    for epoch in read {
        let begin = epoch.number * EPOCH;
        if size >= begin + EPOCH {
            frontier.push(16, epoch.root);
        } else if size > begin {
            let (_, local) = epoch.marks.iter().find(|(mark, _)| *mark == size)?;
            frontier.append(local);
        }
    }
    Some(frontier.root())
}
