//! How many requests a second somebody may make.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{DefaultDirectRateLimiter, NotUntil, Quota, RateLimiter};

use super::caller::Caller;

/// So many requests later, addresses are forgotten that have all of their rate again.
const SWEPT_EVERY: u32 = 4_096;

/// The limit of one key.
#[derive(Clone)]
pub(super) struct KeyRate(Arc<DefaultDirectRateLimiter>);

/// The limits of those who need no key, each by the address.
pub(super) struct AddressRates {
    rates: RateLimiter<Caller, HashMapStateStore<Caller>, DefaultClock>,
    asked: AtomicU32,
}

/// How many whole seconds it takes until the next request is allowed.
pub(super) type Wait = NonZeroU64;

impl KeyRate {
    pub(super) fn new(a_second: NonZeroU32) -> Self {
        Self(Arc::new(RateLimiter::direct(Quota::per_second(a_second))))
    }

    /// One more request.
    ///
    /// # Errors
    /// When it is one too many.
    pub(super) fn take(&self) -> Result<(), Wait> {
        self.0.check().map_err(|not_until| wait(&not_until))
    }
}

impl AddressRates {
    pub(super) fn new(a_second: NonZeroU32) -> Self {
        Self {
            rates: RateLimiter::hashmap(Quota::per_second(a_second)),
            asked: AtomicU32::new(0),
        }
    }

    /// One more request of this caller.
    ///
    /// # Errors
    /// When it is one too many.
    pub(super) fn take(&self, caller: &Caller) -> Result<(), Wait> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked % SWEPT_EVERY == SWEPT_EVERY - 1 {
            self.rates.retain_recent();
            self.rates.shrink_to_fit();
        }
        let taken = self.rates.check_key(caller);
        taken.map_err(|not_until| wait(&not_until))
    }
}

fn wait(not_until: &NotUntil<<DefaultClock as Clock>::Instant>) -> Wait {
    whole_seconds(not_until.wait_time_from(DefaultClock::default().now()))
}

fn whole_seconds(wait: Duration) -> Wait {
    NonZeroU64::new(wait.as_secs()).map_or(NonZeroU64::MIN, |seconds| seconds.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_ask_no_more_are_forgotten() {
        let rates = AddressRates::new(NonZeroU32::MAX);
        for number in 0..2 * SWEPT_EVERY {
            let caller = Caller::Key(number.to_string().into());
            assert_eq!(rates.take(&caller), Ok(()));
        }
        // Each has its whole rate again before the next comes.
        assert!(rates.rates.len() < 10, "{}", rates.rates.len());
    }
}
