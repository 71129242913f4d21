//! The threads of long work, a fixed number for the whole server.
//!
//! A turn ends with its work, a moment before its thread is idle again. A pool that starts a
//! thread whenever none is idle therefore starts one more every so often; and because idle
//! threads are woken in turn, none is idle for long enough to end. Each keeps a stack and what
//! the allocator holds for it, so that a busy server would grow for half an hour.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinError, spawn_blocking};

use crate::priority::{LONG_WORK, lower_priority};

/// How long an idle thread stays: for ever. One that ends has to be started again, which the system
/// may refuse then.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Starts a runtime's first thread for blocking work. Where there is one, a system that refuses
/// more of them delays the work; where there is none, tokio panics and keeps the work for ever.
///
/// # Errors
/// When the system refuses it.
pub(super) fn start_first(runtime: &Runtime) -> io::Result<()> {
    let started = catch_unwind(AssertUnwindSafe(|| drop(runtime.spawn_blocking(|| ()))));
    started.map_err(|_| io::Error::other("no thread can be started: raise the limit of tasks"))
}

/// The threads. Work that is running when they are dropped goes on to its end.
pub(crate) struct Threads {
    /// Of this runtime only the threads for blocking work are used: they start when there is
    /// work. `None` where the system refused it; the caller's runtime has such threads too.
    pool: Option<Runtime>,
}

impl Threads {
    /// At most `most` threads, which come after those with connections.
    pub(crate) fn new(most: usize) -> Self {
        let pool = Builder::new_current_thread()
            .max_blocking_threads(most)
            .thread_name("long-work")
            .thread_keep_alive(KEEP_ALIVE)
            .on_thread_start(|| lower_priority(LONG_WORK))
            .build()
            .and_then(|pool| start_first(&pool).map(|()| pool));
        let pool = pool.inspect_err(|error| {
            tracing::error!(%error, "long work has no threads of its own");
        });
        Self { pool: pool.ok() }
    }

    /// Does the work on one of the threads, as soon as one is idle.
    ///
    /// # Errors
    /// When the work panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        match &self.pool {
            Some(pool) => pool.spawn_blocking(work).await,
            None => spawn_blocking(work).await,
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime that is simply dropped waits for its threads, which a thread with
        // connections must not.
        if let Some(pool) = self.pool.take() {
            pool.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread::{ThreadId, current};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_fixed_number_of_threads_does_all_of_the_work() {
        let threads = Threads::new(2);
        let work = || {
            std::thread::sleep(Duration::from_millis(1));
            current().id()
        };
        let mut seen: HashSet<ThreadId> = HashSet::new();
        for _ in 0..20 {
            let done = tokio::join!(threads.run(work), threads.run(work), threads.run(work));
            seen.extend([done.0, done.1, done.2].into_iter().flatten());
        }
        assert_eq!(seen.len(), 2);
    }

    #[tokio::test]
    async fn work_that_panics_takes_no_thread_with_it() {
        let threads = Threads::new(1);
        for _ in 0..3 {
            let done = threads.run(|| unreachable!("on purpose")).await;
            assert!(done.is_err_and(|error| error.is_panic()));
        }
        assert_eq!(threads.run(|| 7).await.ok(), Some(7));
    }
}
