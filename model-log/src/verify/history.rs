//! The records as a history: they follow each other, lead to what was signed, and nothing of them
//! is missing.

use std::collections::BTreeSet;

use super::epoch::{Epoch, open_erasure};
use super::{Check, Report};
use crate::digest::Digest;
use crate::error::LogError;
use crate::keys::Keys;
use crate::note::Checkpoint;
use crate::record::Kind;
use crate::scan::scan;
use crate::seeds::EPOCH;
use crate::tree::{Frontier, Hash};

impl Check {
    /// Ended epochs are full, time goes forward, and the end is whole or torn by a crash.
    pub(super) fn ends(&self, read: &[Epoch], own: Option<&Checkpoint>, report: &mut Report) {
        let mut minute = 0;
        for epoch in read {
            let place = format!("records/{:08}", epoch.number);
            let last = epoch.number + 1 == read.len() as u64;
            // The last one may have no record yet.
            if epoch.count > 0 && epoch.minutes.0 < minute {
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
    pub(super) fn checkpoint(
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
    pub(super) fn erasures(&self, read: &[Epoch], report: &mut Report) {
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
        let mut unsaid: BTreeSet<u64> = gone.difference(&said).copied().collect();
        if !unsaid.is_empty() {
            // A running server may have erased records since the epochs were listed, in one that
            // has begun meanwhile. It syncs what it says before it destroys a key.
            let last = read.last().map_or(0, |epoch| epoch.number);
            let later = self.said_from(last).unwrap_or_default();
            unsaid = unsaid.difference(&later).copied().collect();
        }
        for index in unsaid {
            let epoch = index / EPOCH;
            report.problem(
                format!("seeds/{epoch:08}"),
                format!("the key of record {index} is gone, and no record says that it was erased"),
            );
        }
        let records = report.records;
        let there = said.difference(&gone).filter(|index| **index < records);
        let there: Vec<u64> = there.copied().collect();
        self.still_there(&there, read, report);
    }

    /// Tells of keys that are there, though records say that they were destroyed.
    fn still_there(&self, there: &[u64], read: &[Epoch], report: &mut Report) {
        // Nothing is recorded behind an erasure before its keys are destroyed.
        let last = read.iter().rfind(|epoch| epoch.count > 0);
        let last = last.iter().flat_map(|epoch| &epoch.last_erased);
        let unended: BTreeSet<u64> = last.copied().collect();
        for index in self.there_now(there) {
            let problem = format!("record {index} was erased, and its key is still there");
            if self.open && unended.contains(&index) {
                report
                    .notes
                    .push(format!("{problem}: the next start destroys it"));
            } else {
                report.problem(format!("seeds/{:08}", index / EPOCH), problem);
            }
        }
    }

    /// Those of these records whose keys are there even now: a running server may have destroyed
    /// them since the seeds were read. All of an epoch whose seeds cannot be read.
    fn there_now(&self, records: &[u64]) -> Vec<u64> {
        let mut there = Vec::new();
        for near in records.chunk_by(|index, next| index / EPOCH == next / EPOCH) {
            let epoch = near.first().map_or(0, |index| index / EPOCH);
            let read = |keys: &Keys| keys.seeds(&self.layout.seeds(epoch), epoch).ok();
            let seeds = self.keys.as_ref().and_then(read);
            let is_gone = |index: &u64| {
                let slot = (index % EPOCH) as u32;
                seeds
                    .as_ref()
                    .is_some_and(|(seeds, _)| seeds.is_destroyed(slot))
            };
            there.extend(near.iter().copied().filter(|index| !is_gone(index)));
        }
        there
    }

    /// The records that were erased, as those of this epoch and of later ones say.
    fn said_from(&self, first: u64) -> Result<BTreeSet<u64>, LogError> {
        let (disk, layout) = (&*self.disk, &self.layout);
        let mut said = BTreeSet::new();
        let Some(keys) = &self.keys else {
            return Ok(said);
        };
        for epoch in first..layout.epochs(disk)? {
            let (mut seeds, _) = keys.seeds(&layout.seeds(epoch), epoch)?;
            scan(disk, layout, epoch, |_, frame| {
                if frame.leaf.kind == Kind::Erasure {
                    let key = seeds.key((frame.index % EPOCH) as u32);
                    let erasure = open_erasure(frame, key);
                    said.extend(erasure.into_iter().flat_map(|erasure| erasure.indexes));
                }
                Ok(())
            })?;
        }
        Ok(said)
    }

    /// The epochs of the records that the last record of the log erases, as it is now; none where
    /// it is no erasure. `last` was the last epoch.
    pub(super) fn erased_last(&self, last: u64) -> Result<BTreeSet<u64>, LogError> {
        let (disk, layout) = (&*self.disk, &self.layout);
        let mut erased = BTreeSet::new();
        let Some(keys) = &self.keys else {
            return Ok(erased);
        };
        // The last record may have ended the epoch before.
        for epoch in last.saturating_sub(1)..layout.epochs(disk)? {
            let (mut seeds, _) = keys.seeds(&layout.seeds(epoch), epoch)?;
            scan(disk, layout, epoch, |_, frame| {
                erased.clear();
                if frame.leaf.kind == Kind::Erasure {
                    let key = seeds.key((frame.index % EPOCH) as u32);
                    let erasure = open_erasure(frame, key);
                    let indexes = erasure.into_iter().flat_map(|erasure| erasure.indexes);
                    erased.extend(indexes.map(|index| index / EPOCH));
                }
                Ok(())
            })?;
        }
        Ok(erased)
    }

    /// Every model that answered is there and is what its name says.
    pub(super) fn models(&self, read: &[Epoch], report: &mut Report) -> Result<(), LogError> {
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
        for (name, _) in self.names(&folder)? {
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
