//! A challenger in the shadow: it gets a copy of each request on a thread of its own. Its
//! answers are compared, counted (also in a drift window of their own) and discarded; when it is
//! slow, copies are dropped.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::served::{CountedWith, ScoredDecision, Served};
use crate::host::Answer;
use crate::models::drift::{Drift, Monitor, NotMonitored};
use crate::models::metrics::Shadowed;
use crate::models::score::Score;

/// How many requests may wait for the challenger.
const QUEUE: usize = 1024;

/// What they may be long together, in bytes: thousands of usual ones, or 8 of the longest. Each
/// is a copy, so that what waits for a challenger keeps nothing of the memory that the bodies of
/// requests share.
const QUEUE_BYTES: usize = 8 << 20;

/// A challenger and its queue. The thread ends when the last copy of this is gone.
#[derive(Clone)]
pub(crate) struct Shadow {
    served: Arc<Served>,
    drift: Result<Arc<Monitor>, NotMonitored>,
    queue: Option<SyncSender<Job>>,
    jobs: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// Room for a request in a challenger's queue. It is taken before the champion decides, so that
/// the champion's drift window knows which requests the challenger's will count.
pub(crate) struct Room {
    shadow: Shadow,
    _job: OwnedSemaphorePermit,
    /// For the bytes of the body.
    _bytes: OwnedSemaphorePermit,
}

/// A request that the champion has decided. The challenger gets it when this is dropped, so also
/// where the client has left, or the answer could not be recorded: it is in the drift window of the
/// champion.
pub(crate) struct Offer {
    shadow: Shadow,
    job: Option<Job>,
}

/// What the champion made of a request.
pub(crate) struct Champions {
    pub(crate) score: Option<Score>,
    pub(crate) counted: CountedWith,
}

/// Gets the challenger, the request and what the challenger answered, which nobody else gets.
pub(crate) type Witness = Box<dyn FnOnce(&Served, &[u8], Answer<'_>) + Send>;

struct Job {
    body: Box<[u8]>,
    champion: Champions,
    witness: Option<Witness>,
    _room: Room,
}

impl Shadow {
    pub(super) fn start(served: Arc<Served>, drift: &Drift) -> Self {
        let (queue, jobs) = sync_channel::<Job>(QUEUE);
        let drift = served.watch_copies(drift);
        let (challenger, monitor) = (Arc::clone(&served), drift.as_ref().ok().cloned());
        let started = std::thread::Builder::new()
            .name("model-shadow".to_owned())
            .spawn(move || {
                for job in jobs {
                    compare(&challenger, monitor.as_deref(), job);
                }
            });
        if let Err(error) = &started {
            tracing::error!(%error, "shadow not started: no thread for the challenger");
        }
        Self {
            served,
            drift,
            queue: started.is_ok().then_some(queue),
            jobs: Arc::new(Semaphore::new(QUEUE)),
            bytes: Arc::new(Semaphore::new(QUEUE_BYTES)),
        }
    }

    pub(crate) fn served(&self) -> &Arc<Served> {
        &self.served
    }

    /// The drift window of its answers, or why there is none.
    pub(crate) fn drift(&self) -> Result<&Arc<Monitor>, &NotMonitored> {
        self.drift.as_ref()
    }

    /// Room for a request of so many bytes, if the queue has it. Never waits.
    pub(crate) fn room(&self, bytes: usize) -> Option<Room> {
        self.queue.as_ref()?;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let job = Arc::clone(&self.jobs).try_acquire_owned().ok()?;
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(bytes).ok()?;
        Some(Room {
            shadow: self.clone(),
            _job: job,
            _bytes: bytes,
        })
    }

    /// Counts a request that the queue had no room for.
    pub(crate) fn dropped(&self) {
        if self.queue.is_some() {
            self.served.metrics.shadowed(Shadowed::dropped);
        }
    }
}

impl Room {
    /// What the champion made of the request.
    pub(crate) fn offer(self, body: &[u8], champion: Champions) -> Offer {
        Offer {
            shadow: self.shadow.clone(),
            job: Some(Job {
                body: body.into(),
                champion,
                witness: None,
                _room: self,
            }),
        }
    }
}

impl Offer {
    /// Hands it over; the witness hears what the challenger says.
    pub(crate) fn before(mut self, witness: Option<Witness>) {
        if let Some(job) = &mut self.job {
            job.witness = witness;
        }
    }
}

impl Drop for Offer {
    /// Never waits.
    fn drop(&mut self) {
        let sent = self.shadow.queue.as_ref().zip(self.job.take());
        if sent.is_some_and(|(queue, job)| queue.try_send(job).is_err()) {
            self.shadow.dropped();
        }
    }
}

fn compare(challenger: &Served, monitor: Option<&Monitor>, job: Job) {
    match challenger.decide(&job.body) {
        Ok(ScoredDecision { decision, score }) => {
            challenger.metrics.compared(job.champion.score, score);
            if let Some(monitor) = monitor {
                let (body, answer) = (&job.body, decision.answer());
                match &job.champion.counted {
                    CountedWith::Block(block) => monitor.seen_copy(block, body, answer, score),
                    CountedWith::Nothing => monitor.seen(body, answer, score),
                    CountedWith::Unread => {}
                }
            }
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
