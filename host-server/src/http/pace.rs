//! How fast a client must be, at least: what it brings or takes may pause for a while, but not
//! trickle for ever.

use std::time::Duration;

use tokio::time::Instant;

/// The least that a client must do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeastPace {
    /// How long it may pause.
    pub(crate) pause: Duration,
    /// Bytes a second on average, beyond the first pause.
    pub(crate) rate: u32,
}

/// What a client has done of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    least: LeastPace,
    begun: Instant,
    bytes: u64,
}

impl Pace {
    /// Begins now.
    pub(crate) fn begin(least: LeastPace) -> Self {
        Self {
            least,
            begun: Instant::now(),
            bytes: 0,
        }
    }

    /// The client has done so much more.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// When it must have done something more.
    pub(crate) fn deadline(&self) -> Instant {
        let earned = Duration::from_secs(self.bytes / u64::from(self.least.rate.max(1)));
        let average = self.begun + self.least.pause + earned;
        average.min(Instant::now() + self.least.pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_ends_and_a_flow_goes_on() {
        let least = LeastPace {
            pause: Duration::from_secs(30),
            rate: 1024,
        };
        let mut pace = Pace::begin(least);
        let second = Duration::from_secs(1);
        pace.add(1);
        assert!(pace.deadline() <= pace.begun + 30 * second);
        pace.add(10 << 10);
        pace.begun -= 35 * second;
        assert!(pace.deadline() > Instant::now() + second);
        pace.begun -= 10 * second;
        assert!(pace.deadline() <= Instant::now());
    }
}
