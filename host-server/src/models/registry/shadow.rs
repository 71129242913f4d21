//! A challenger in the shadow: it gets a copy of each request on a thread of its own. Its
//! answers are compared, counted and discarded; when it is slow, copies are dropped.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::served::{ScoredDecision, Served};
use crate::host::Answer;
use crate::models::metrics::Shadowed;
use crate::models::score::Score;

/// How many requests may wait for the challenger.
const QUEUE: usize = 1024;

/// Longer requests, in bytes, keep the memory that other bodies need: few of them may wait.
const LONG: usize = 64 << 10;
const LONG_QUEUE: usize = 8;

/// A challenger and its queue. The thread ends when the last copy of this is gone.
#[derive(Clone)]
pub(crate) struct Shadow {
    served: Arc<Served>,
    queue: Option<SyncSender<Job>>,
    long: Arc<Semaphore>,
}

/// Gets the challenger, the request and what the challenger answered, which nobody else gets.
pub(crate) type Witness = Box<dyn FnOnce(&Served, &[u8], Answer<'_>) + Send>;

struct Job {
    body: Bytes,
    champion: Option<Score>,
    witness: Option<Witness>,
    /// Of a long one.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Shadow {
    pub(super) fn start(served: Arc<Served>) -> Self {
        let (queue, jobs) = sync_channel::<Job>(QUEUE);
        let challenger = Arc::clone(&served);
        let started = std::thread::Builder::new()
            .name("model-shadow".to_owned())
            .spawn(move || {
                for job in jobs {
                    compare(&challenger, job);
                }
            });
        if let Err(error) = &started {
            tracing::error!(%error, "shadow not started: no thread for the challenger");
        }
        Self {
            served,
            queue: started.is_ok().then_some(queue),
            long: Arc::new(Semaphore::new(LONG_QUEUE)),
        }
    }

    pub(crate) fn served(&self) -> &Arc<Served> {
        &self.served
    }

    /// Hands over a request and what the champion said; the witness hears what the challenger
    /// says. Never waits.
    pub(crate) fn offer(&self, body: Bytes, champion: Option<Score>, witness: Option<Witness>) {
        let Some(queue) = &self.queue else { return };
        let is_long = body.len() > LONG;
        let permit = is_long.then(|| Arc::clone(&self.long).try_acquire_owned());
        let queued = permit.transpose().is_ok_and(|_permit| {
            let job = Job {
                body,
                champion,
                witness,
                _permit,
            };
            queue.try_send(job).is_ok()
        });
        if !queued {
            self.served.metrics.shadowed(Shadowed::dropped);
        }
    }
}

fn compare(challenger: &Served, job: Job) {
    match challenger.decide_unanswered(&job.body) {
        Ok(ScoredDecision { decision, score }) => {
            challenger.metrics.compared(job.champion, score);
            if let Some(witness) = job.witness {
                witness(challenger, &job.body, decision.answer());
            }
        }
        Err(error) => {
            challenger.metrics.shadowed(Shadowed::failed);
            tracing::warn!(model = challenger.name(), version = challenger.version(), %error, "shadow decision failed");
        }
    }
}
