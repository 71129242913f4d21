//! The names in the folders: every file has a place, and nothing else is there.

use std::collections::BTreeSet;
use std::path::Path;

use super::epoch::Epoch;
use super::{Check, Report};
use crate::disk::How;
use crate::error::LogError;
use crate::keys::{self, Keys};
use crate::layout::number;

const ROOT: [&str; 10] = [
    "checkpoint",
    "format",
    "index",
    "keys",
    "lock",
    "models",
    "records",
    "seeds",
    "tile",
    "verifier-key",
];

impl Check {
    /// Lists what does not belong into the folders of the log and of its keys.
    pub(super) fn folders(
        &self,
        keys: &Path,
        read: &[Epoch],
        report: &mut Report,
    ) -> Result<(), LogError> {
        let layout = &self.layout;
        let epochs = read.len() as u64;
        for (name, _) in self.names(layout.folder())? {
            if !ROOT.contains(&name.as_str()) {
                self.stranger(&name, &name, report);
            }
        }
        for folder in ["records", "index", "seeds"] {
            for (name, _) in self.names(&layout.path(folder))? {
                let epoch = number(&name);
                let is_known = epoch.is_some_and(|epoch| {
                    epoch < epochs
                        || self.may_have_begun(epoch, epochs)
                            && (folder != "index" || self.is_begun(epoch))
                });
                if !is_known {
                    self.stranger(&format!("{folder}/{name}"), &name, report);
                }
            }
        }
        if let Some(known) = &self.keys {
            self.key_names(keys, epochs, report)?;
            self.old_keys(known, read, report)?;
        }
        Ok(())
    }

    /// Tells of epochs that have more than one key: an old copy of the seeds opens with the older.
    fn old_keys(&self, keys: &Keys, read: &[Epoch], report: &mut Report) -> Result<(), LogError> {
        let epochs = read.len() as u64;
        let mut doubled = keys.doubled()?;
        // A running server has come to those behind the ones that were listed.
        doubled.retain(|epoch, _| *epoch < epochs);
        if doubled.is_empty() {
            return Ok(());
        }
        let mut replacing = BTreeSet::new();
        if self.open {
            // Until the next epoch has a record, an erasure may end the one before.
            let has_begun = read.last().is_some_and(|last| last.count > 0);
            replacing.extend(epochs.saturating_sub(if has_begun { 1 } else { 2 })..epochs);
            replacing.extend(self.erased_last(epochs - 1).unwrap_or_default());
            // A key that an erasure replaces is gone once that is no more the last record, and its
            // number never comes again.
            let now = keys.doubled()?;
            doubled.retain(|epoch, generations| now.get(epoch) == Some(generations));
        }
        for epoch in doubled.into_keys() {
            let (place, problem) = (
                format!("keys/epoch-{epoch:08}-*.key"),
                "an older key of the epoch is still there",
            );
            if replacing.contains(&epoch) {
                let note = format!("{place}: {problem}: the next start destroys it");
                report.notes.push(note);
            } else {
                report.problem(place, problem);
            }
        }
        Ok(())
    }

    /// Whether an epoch behind those that were listed may be there: a running server has begun it
    /// since, or begins it now; a crash may leave it half begun.
    fn may_have_begun(&self, epoch: u64, listed: u64) -> bool {
        // Those before it are there.
        self.open && (listed..epoch).all(|before| self.disk.exists(&self.layout.records(before)))
    }

    /// Whether the index of an epoch may be one that begins: until there are records it is empty.
    fn is_begun(&self, epoch: u64) -> bool {
        let index = self.disk.open(&self.layout.index(epoch), How::Read);
        index.is_ok_and(|index| index.is_empty().unwrap_or(false))
            // Asked last: a running server may have come to them.
            || self.disk.exists(&self.layout.records(epoch))
    }

    fn key_names(&self, folder: &Path, epochs: u64, report: &mut Report) -> Result<(), LogError> {
        for (name, _) in self.names(folder)? {
            if keys::FILES.contains(&name.as_str()) {
                self.key_file(folder, &name, report)?;
                continue;
            }
            let epoch = keys::generation_of(&name).map(|(epoch, _)| epoch);
            let is_known = |epoch: u64| epoch < epochs || self.may_have_begun(epoch, epochs);
            if !epoch.is_some_and(is_known) {
                self.stranger(&format!("keys/{name}"), &name, report);
            }
        }
        Ok(())
    }

    /// What is in the files beside the keys; the keys themselves are used, and so checked.
    fn key_file(&self, folder: &Path, name: &str, report: &mut Report) -> Result<(), LogError> {
        let expected = match name {
            keys::LOCK => Vec::new(),
            keys::UNFINISHED => {
                let own = self.disk.read(&self.layout.verifier_key());
                own.unwrap_or_default()
            }
            _ => return Ok(()),
        };
        let path = folder.join(name);
        let found = match self.disk.read(&path) {
            // A server that starts now has just removed it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            found => found.map_err(|error| LogError::io(&path, error))?,
        };
        if found != expected {
            let expected = match name {
                keys::LOCK => "expected an empty file",
                _ => "expected what is in verifier-key",
            };
            report.problem(format!("keys/{name}"), expected);
        }
        Ok(())
    }

    /// The names in a folder; none where it is absent, as in a copy that lacks empty folders.
    pub(super) fn names(&self, folder: &Path) -> Result<Vec<(String, bool)>, LogError> {
        match self.disk.list(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            names => names.map_err(|error| LogError::io(folder, error)),
        }
    }

    fn stranger(&self, place: &str, name: &str, report: &mut Report) {
        if self.open && name.ends_with(".new") {
            report
                .notes
                .push(format!("{place}: a file that was being written"));
        } else {
            report.problem(place, "this file is no part of the log");
        }
    }
}
