//! What records are about: a record that the log has, and none that was erased.
//!
//! The log's own thread looks, which erases too: whatever a caller saw before, nothing about an
//! erased record comes behind its erasure.

use super::core::Core;
use super::prepared::Prepared;
use crate::error::{AppendError, LogError};
use crate::seeds::{EPOCH, Seeds};

/// Looks at the records of some groups, before any of them is appended.
pub(crate) struct Links<'a> {
    core: &'a Core,
    /// The seeds of the epoch before the current one that was asked for last: what is about old
    /// records is mostly about neighbors.
    old: Option<(u64, Seeds)>,
}

impl<'a> Links<'a> {
    pub(crate) fn new(core: &'a Core) -> Self {
        Self { core, old: None }
    }

    /// Whether a group may be appended whose first record gets the index `first`.
    pub(crate) fn check(&mut self, group: &[Prepared], first: u64) -> Result<(), AppendError> {
        for (index, record) in (first..).zip(group) {
            let Some(link) = record.leaf.link else {
                continue;
            };
            if link >= index {
                return Err(AppendError::Unknown { link, size: index });
            }
            // What the log says about itself holds nothing about an applicant.
            if record.leaf.kind.is_personal() && self.is_erased(link)? {
                return Err(AppendError::Erased(link));
            }
        }
        Ok(())
    }

    /// Whether the key of a record is destroyed, which is what an erasure is; the index repeats it.
    fn is_erased(&mut self, index: u64) -> Result<bool, AppendError> {
        let current = &self.core.current;
        let (epoch, slot) = (index / EPOCH, (index % EPOCH) as u32);
        // What is to be appended too was not erased yet: an erasure comes alone.
        if index >= self.core.size {
            return Ok(false);
        }
        if epoch == current.epoch {
            return Ok(current.seeds.is_destroyed(slot));
        }
        let seeds = match self.old.take() {
            Some((known, seeds)) if known == epoch => seeds,
            _ => self.read(epoch).map_err(|error| {
                let because = error.to_string().into();
                AppendError::Unreadable { index, because }
            })?,
        };
        let (_, seeds) = self.old.insert((epoch, seeds));
        Ok(seeds.is_destroyed(slot))
    }

    fn read(&self, epoch: u64) -> Result<Seeds, LogError> {
        let path = self.core.layout.seeds(epoch);
        Ok(self.core.keys.seeds(&path, epoch)?.0)
    }
}
