//! How much a call may compute: counted on its thread's own clock, not on the wall's. A thread
//! that the system does not run, for another process or a container's quota, computes nothing,
//! and its call goes on when it runs again.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use wasmtime::UpdateDeadline;

use super::engine::ticks;

/// The limit of the call that runs now, and what it has used of it.
pub(super) struct Deadline {
    limit: Duration,
    /// The thread's clock at the first tick that the call has seen. What it computed before
    /// that, less than a tick, is not counted: so a call that ends within a tick, as decisions
    /// do, never reads a clock, which would cost it a system call.
    from: Option<Duration>,
}

impl Deadline {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, from: None }
    }

    /// The clock has ticked: whether the call is stopped, or when it is looked at again.
    pub(super) fn tick(&mut self) -> UpdateDeadline {
        self.tick_at(thread_time())
    }

    fn tick_at(&mut self, now: Duration) -> UpdateDeadline {
        let from = *self.from.get_or_insert(now);
        match self.limit.checked_sub(now.saturating_sub(from)) {
            Some(left) if !left.is_zero() => UpdateDeadline::Continue(ticks(left)),
            _ => UpdateDeadline::Interrupt,
        }
    }
}

/// What this thread has computed. Where the system does not count that, wall time stands in.
fn thread_time() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    ThreadTime::try_now().map_or_else(
        |_| START.get_or_init(Instant::now).elapsed(),
        |time| time.as_duration(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(40);

    fn next_look(update: &UpdateDeadline) -> Option<u64> {
        match update {
            UpdateDeadline::Continue(ticks) => Some(*ticks),
            _ => None,
        }
    }

    #[test]
    fn a_call_is_stopped_by_what_it_computes_alone() {
        let at = Duration::from_millis;
        let mut deadline = Deadline::new(LIMIT);
        // However long the wall's clock ran between these.
        assert_eq!(next_look(&deadline.tick_at(at(1_000))), Some(4));
        assert_eq!(next_look(&deadline.tick_at(at(1_001))), Some(4));
        assert_eq!(next_look(&deadline.tick_at(at(1_030))), Some(1));
        assert_eq!(next_look(&deadline.tick_at(at(1_039))), Some(1));
        assert_eq!(next_look(&deadline.tick_at(at(1_040))), None);
    }

    #[test]
    fn a_thread_that_does_not_run_computes_nothing() {
        let before = thread_time();
        std::thread::sleep(Duration::from_millis(100));
        assert!(thread_time() - before < Duration::from_millis(50));
    }
}
