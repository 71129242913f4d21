//! The records of a batch: one group, written in one sync; of a very long batch several, each
//! written while the rows of the next are decided.

use super::recorder::{Recorder, Waiting, Written};
use crate::http::error::ApiError;
use crate::http::memory::{Claim, Memory};

/// Writes the records of a batch.
pub(crate) struct Groups {
    /// The memory of what is collected.
    memory: Claim,
    /// What is being written, with its memory.
    waiting: Option<(Waiting, Claim)>,
    written: Option<Written>,
}

impl Groups {
    pub(crate) fn new(memory: &Memory) -> Self {
        Self {
            memory: memory.claim(),
            waiting: None,
            written: None,
        }
    }

    /// More rows were recorded. Waits only for a group before the last.
    ///
    /// # Errors
    /// When there is no memory for the records, or a group could not be written.
    pub(crate) async fn add(&mut self, recorder: &mut Recorder) -> Result<(), ApiError> {
        self.memory.cover(recorder.bytes())?;
        if recorder.is_full() {
            self.write(recorder).await?;
        }
        Ok(())
    }

    /// Waits until all is on the disk: where it is, or `None` where nothing was recorded.
    ///
    /// # Errors
    /// When a group could not be written.
    pub(crate) async fn end(
        mut self,
        recorder: &mut Recorder,
    ) -> Result<Option<Written>, ApiError> {
        if recorder.bytes() > 0 {
            self.write(recorder).await?;
        }
        if let Some((last, _memory)) = self.waiting.take() {
            self.written = Written::join(self.written, last.written().await?);
        }
        Ok(self.written)
    }

    async fn write(&mut self, recorder: &mut Recorder) -> Result<(), ApiError> {
        let next = (recorder.write(), self.memory.take());
        if let Some((before, _memory)) = self.waiting.replace(next) {
            self.written = Written::join(self.written, before.written().await?);
        }
        Ok(())
    }
}
