//! Lines of the log that anybody can cause: they are written once a second, with their number.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::http::caller::Caller;

/// What is logged at most once a second.
#[derive(Default)]
pub(crate) struct Seldom {
    /// When it was last logged, in seconds since 1970.
    last: AtomicU64,
    /// How many there were since.
    count: AtomicU64,
}

/// Refusals of whose key is known, and of others: the latter do not hide the former.
#[derive(Default)]
pub(crate) struct Denials {
    known: Seldom,
    unknown: Seldom,
}

impl Denials {
    /// As [`Seldom::due`], of this actor's kind.
    pub(crate) fn due(&self, actor: &Caller) -> Option<u64> {
        match actor.name() {
            Some(_) => self.known.due(),
            None => self.unknown.due(),
        }
    }
}

impl Seldom {
    /// One more: how many there were since it was last logged, if it is time to log it again.
    pub(crate) fn due(&self) -> Option<u64> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.due_at(now.map_or(0, |time| time.as_secs()))
    }

    fn due_at(&self, now: u64) -> Option<u64> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let due = self.last.swap(now, Ordering::Relaxed) != now;
        due.then(|| self.count.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_second_with_what_came_meanwhile() {
        let seldom = Seldom::default();
        let due = [7, 7, 7, 8, 8, 9].map(|now| seldom.due_at(now));
        assert_eq!(due, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
