//! The record of a single answer, and those of a batch: one group, written in one sync; of a very
//! long batch several, each written while the rows of the next are decided.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::log::ShadowRecord;
use super::recorder::{Group, Recorder, Written};
use crate::http::Share;
use crate::http::admission::{Admission, Work};
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::memory::Claim;
use crate::http::own_task::in_own_task;
use crate::models::registry::Offer;

/// More records than this take long enough to be handed over that a thread with connections
/// leaves it to another.
const FEW: usize = 32;

/// Writes the records of a batch.
pub(crate) struct Groups {
    admission: Arc<Admission>,
    caller: Caller,
    /// The memory of what is collected.
    memory: Claim,
    /// What is being written.
    waiting: Option<JoinHandle<Result<Option<Written>, ApiError>>>,
    written: Option<Written>,
}

impl Groups {
    pub(crate) fn new(admission: &Arc<Admission>, caller: &Caller) -> Self {
        Self {
            admission: Arc::clone(admission),
            caller: caller.clone(),
            memory: admission.memory(caller).claim_answer(),
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
        self.wait().await?;
        Ok(self.written)
    }

    async fn write(&mut self, recorder: &mut Recorder) -> Result<(), ApiError> {
        self.wait().await?;
        let (group, memory) = (recorder.group(), self.memory.take());
        let (admission, caller) = (Arc::clone(&self.admission), self.caller.clone());
        self.waiting = Some(tokio::spawn(async move {
            let _memory = memory;
            written(&admission, &caller, group).await
        }));
        Ok(())
    }

    /// Waits for what is being written.
    async fn wait(&mut self) -> Result<(), ApiError> {
        if let Some(waiting) = self.waiting.take() {
            let written = waiting.await.unwrap_or_else(|error| Err(failed(&error)));
            self.written = Written::join(self.written, written?);
        }
        Ok(())
    }
}

/// Writes the record of a single answer, for which there is `room` in the log's queue, and waits
/// until it is on the disk. A challenger gets its copy of the request then. All of that comes to its
/// end, even if the client has gone.
///
/// # Errors
/// When it could not be written, and the answer is not to be given.
pub(crate) async fn write_single(
    mut recorder: Recorder,
    room: Option<Share>,
    copy: Option<(Offer, ShadowRecord)>,
) -> Result<Option<Written>, ApiError> {
    let waiting = recorder.write();
    let done = tokio::spawn(async move {
        let _room = room;
        let written = waiting.written().await;
        if let Some((offer, record)) = copy {
            let written = written.as_ref().ok().and_then(Option::as_ref);
            offer.before(written.map(|written| record.witness(written)));
        }
        written
    });
    done.await.unwrap_or_else(|error| Err(failed(&error)))
}

/// Writes the records of some lines of a stream, and waits until they are on the disk.
///
/// # Errors
/// When they could not be written, and the answer is not to be given.
pub(crate) async fn write_lines(
    admission: &Arc<Admission>,
    caller: &Caller,
    mut recorder: Recorder,
) -> Result<Option<Written>, ApiError> {
    let (admission, caller) = (Arc::clone(admission), caller.clone());
    let done = in_own_task(async move { written(&admission, &caller, recorder.group()).await });
    done.await.unwrap_or_else(|error| Err(failed(&error)))
}

/// Writes records of a batch when there is room for them in the log's queue, of which batches have
/// a part: whatever they ask for, single decisions find room. Completes when they are on the disk.
///
/// # Errors
/// When they could not be written, and the answer is not to be given.
async fn written(
    admission: &Arc<Admission>,
    caller: &Caller,
    group: Group,
) -> Result<Option<Written>, ApiError> {
    let room = admission.log_room(caller, group.len()).await;
    let (admission, caller) = (Arc::clone(admission), caller.clone());
    // The room is taken until the records have left the queue, even if the client has gone.
    let done = tokio::spawn(async move {
        let _room = room;
        let sent = match group.len() > FEW {
            true => {
                let send = move || group.send();
                admission.work(Work::Record, &caller, send).await
            }
            false => Ok(group.send()),
        };
        sent.map_err(|error| failed(&error))?.written().await
    });
    done.await.unwrap_or_else(|error| Err(failed(&error)))
}

fn failed(error: &tokio::task::JoinError) -> ApiError {
    tracing::error!(%error, "records not written");
    ApiError::NotRecorded {
        reason: "the work on the decision log failed".to_owned(),
    }
}
