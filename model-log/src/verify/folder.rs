//! The names in the folders: every file has a place, and nothing else is there.

use std::path::Path;

use super::{Check, Report};
use crate::disk::How;
use crate::error::LogError;
use crate::keys;
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
        epochs: u64,
        report: &mut Report,
    ) -> Result<(), LogError> {
        let layout = &self.layout;
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
        if self.keys.is_some() {
            self.key_names(keys, epochs, report)?;
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
        let mut found = vec![0; epochs as usize];
        for (name, _) in self.names(folder)? {
            if keys::FILES.contains(&name.as_str()) {
                self.key_file(folder, &name, report)?;
                continue;
            }
            let epoch = name
                .strip_prefix("epoch-")
                .and_then(|rest| rest.strip_suffix(".key"))
                .and_then(|rest| rest.split_once('-'))
                .filter(|(_, generation)| number(generation).is_some())
                .and_then(|(epoch, _)| number(epoch));
            match epoch.and_then(|epoch| found.get_mut(epoch as usize)) {
                Some(count) => *count += 1,
                None if epoch.is_some_and(|epoch| self.may_have_begun(epoch, epochs)) => {}
                None => self.stranger(&format!("keys/{name}"), &name, report),
            }
        }
        for (epoch, count) in found.iter().enumerate() {
            if *count > 1 && !self.open {
                report.problem(
                    format!("keys/epoch-{epoch:08}-*.key"),
                    "an older key of the epoch is still there",
                );
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
