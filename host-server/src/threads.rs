//! Threads for what blocks or takes long, a fixed number for the whole server.
//!
//! A turn ends with its work, a moment before its thread is idle again. A pool that starts a
//! thread whenever none is idle therefore starts one more every so often; and because idle
//! threads are woken in turn, none is idle for long enough to end. Each keeps a stack and what
//! the allocator holds for it, so that a busy server would grow for half an hour.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinError, spawn_blocking};

use crate::priority::lower_priority;

thread_local! {
    static IS_ONE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is one of [`Threads`].
pub(crate) fn is_one() -> bool {
    IS_ONE.get()
}

/// How long an idle thread stays: for ever. One that ends has to be started again, which the system
/// may refuse then.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Builds a runtime with its first thread for blocking work. Where there is one, a system that
/// refuses more of them delays the work; where there is none, tokio panics and keeps the work for
/// ever.
///
/// # Errors
/// When the system refuses it.
pub(crate) fn build(builder: &mut Builder) -> io::Result<Runtime> {
    let runtime = builder.thread_keep_alive(KEEP_ALIVE).build()?;
    let started = catch_unwind(AssertUnwindSafe(|| drop(runtime.spawn_blocking(|| ()))));
    if started.is_err() {
        // One that is simply dropped panics where other tasks run.
        runtime.shutdown_background();
        return Err(io::Error::other(
            "no thread can be started: raise the limit of tasks",
        ));
    }
    Ok(runtime)
}

/// The threads. Work that is running when they are dropped goes on to its end.
pub(crate) struct Threads {
    /// Of this runtime only the threads for blocking work are used: they start when there is
    /// work. `None`: those of whoever asks.
    pool: Option<Runtime>,
}

impl Threads {
    /// At most `most` threads of this name, with a priority that is lower by `nice`.
    ///
    /// # Errors
    /// When the system refuses the first of them.
    pub(crate) fn start(name: &str, most: usize, nice: i32) -> io::Result<Self> {
        let mut builder = Builder::new_current_thread();
        builder
            .max_blocking_threads(most)
            .thread_name(name)
            .on_thread_start(move || {
                IS_ONE.set(true);
                lower_priority(nice);
            });
        Ok(Self {
            pool: Some(build(&mut builder)?),
        })
    }

    /// The threads of the runtime that asks for the work.
    pub(crate) fn of_caller() -> Self {
        Self { pool: None }
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
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::collections::HashSet;
    use std::thread::{ThreadId, current};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_fixed_number_of_threads_does_all_of_the_work() {
        let threads = Threads::start("test", 2, 0).unwrap();
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

    /// It once ended the program where the error was to be told.
    #[tokio::test]
    async fn a_thread_that_the_system_refuses_is_an_error() {
        let mut builder = Builder::new_current_thread();
        assert!(build(builder.thread_stack_size(1 << 60)).is_err());
    }

    #[tokio::test]
    async fn work_that_panics_takes_no_thread_with_it() {
        let threads = Threads::start("test", 1, 0).unwrap();
        for _ in 0..3 {
            let done = threads.run(|| unreachable!("on purpose")).await;
            assert!(done.is_err_and(|error| error.is_panic()));
        }
        assert_eq!(threads.run(|| 7).await.ok(), Some(7));
    }
}
