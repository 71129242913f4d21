//! A challenger in the shadow: it gets a copy of each request on a thread of its own. Its
//! answers are compared, counted and discarded; when it is slow, copies are dropped.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use bytes::Bytes;

use super::served::Served;
use crate::models::metrics::Shadowed;
use crate::models::score::Score;

/// How many requests may wait for the challenger.
const QUEUE: usize = 1024;

/// A challenger and its queue. The thread ends when the last copy of this is gone.
#[derive(Clone)]
pub(crate) struct Shadow {
    served: Arc<Served>,
    queue: Option<SyncSender<Job>>,
}

struct Job {
    body: Bytes,
    champion: Option<Score>,
}

impl Shadow {
    pub(super) fn start(served: Arc<Served>) -> Self {
        let (queue, jobs) = sync_channel::<Job>(QUEUE);
        let challenger = Arc::clone(&served);
        let started = std::thread::Builder::new()
            .name("model-shadow".to_owned())
            .spawn(move || {
                for job in jobs {
                    compare(&challenger, &job);
                }
            });
        if let Err(error) = &started {
            tracing::error!(%error, "shadow not started: no thread for the challenger");
        }
        Self {
            served,
            queue: started.is_ok().then_some(queue),
        }
    }

    pub(crate) fn served(&self) -> &Arc<Served> {
        &self.served
    }

    /// Hands over a request and the champion's score. Never waits.
    pub(crate) fn offer(&self, body: Bytes, champion: Option<Score>) {
        let Some(queue) = &self.queue else { return };
        match queue.try_send(Job { body, champion }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.served.metrics.shadowed(Shadowed::dropped);
            }
        }
    }
}

fn compare(challenger: &Served, job: &Job) {
    match challenger.decide_unanswered(&job.body) {
        Ok(scored) => challenger.metrics.compared(job.champion, scored.score),
        Err(error) => {
            challenger.metrics.shadowed(Shadowed::failed);
            tracing::warn!(model = challenger.name(), version = challenger.version(), %error, "shadow decision failed");
        }
    }
}
