//! What requests may use at once: places to be worked on, turns of threads, and memory. Each is
//! taken when there is work to do, and given back when there is none: a client that is slow, or
//! has gone, holds none.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;

use super::limits::HttpLimits;
use super::long_work::Threads;
use super::memory::Memory;
use crate::host::processors;

/// Searches of the decision log at the same time.
const SEARCHES: usize = 1;

/// What all requests share.
pub(crate) struct Admission {
    /// Requests that are worked on, or wait for their turn.
    requests: Arc<Semaphore>,
    /// Streams that are open.
    streams: Arc<Semaphore>,
    /// Pieces of long work at the same time, on threads beside those of the connections.
    turns: Arc<Semaphore>,
    /// Searches of the decision log: each reads its whole index, and collects what it finds.
    searches: Arc<Semaphore>,
    /// As many as there are turns and searches.
    threads: Threads,
    memory: Memory,
}

/// Too many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overloaded;

impl Admission {
    pub(crate) fn new(limits: &HttpLimits) -> Self {
        // With the connections' threads' own calls that makes no more than a pool has
        // instances, so no such thread waits for one.
        let turns = processors().get();
        Self {
            requests: Arc::new(Semaphore::new(limits.requests.get())),
            streams: Arc::new(Semaphore::new(limits.requests.get())),
            turns: Arc::new(Semaphore::new(turns)),
            searches: Arc::new(Semaphore::new(SEARCHES)),
            threads: Threads::new(turns.saturating_add(SEARCHES)),
            memory: Memory::new(limits.body_memory),
        }
    }

    /// The memory of bodies and answers.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// A permit to be worked on; asked for when a request has been read, so that slow clients
    /// take none.
    pub(crate) fn enter(&self) -> Result<OwnedSemaphorePermit, Overloaded> {
        permit(&self.requests)
    }

    /// A permit to be an open stream.
    pub(crate) fn enter_stream(&self) -> Result<OwnedSemaphorePermit, Overloaded> {
        permit(&self.streams)
    }

    /// Does a piece of long work on another thread when it is its turn, first come, first
    /// served. The turn ends with the work, even if nobody waits for the result any more.
    ///
    /// # Errors
    /// When the work panicked.
    pub(crate) async fn piece<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        in_turn(&self.turns, &self.threads, work).await
    }

    /// Searches the decision log on another thread when it is this search's turn: one at a time,
    /// so that many of a long log cost others neither time nor memory.
    ///
    /// # Errors
    /// When the work panicked.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        in_turn(&self.searches, &self.threads, work).await
    }
}

async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    threads: &Threads,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    // Never closed: there is always a turn to wait for.
    let turn = Arc::clone(turns).acquire_owned().await.ok();
    let work = move || {
        let _turn = turn;
        work()
    };
    threads.run(work).await
}

fn permit(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Overloaded> {
    Arc::clone(of).try_acquire_owned().map_err(|_| Overloaded)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    /// A few people who looked at a long log once took the machine from everybody.
    #[tokio::test]
    async fn searches_are_one_at_a_time() {
        let admission = Admission::new(&HttpLimits::default());
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let search = || {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            admission.search(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                running.fetch_sub(1, Ordering::SeqCst);
            })
        };
        let done = tokio::join!(search(), search(), search());
        assert!(done.0.is_ok() && done.1.is_ok() && done.2.is_ok());
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }
}
