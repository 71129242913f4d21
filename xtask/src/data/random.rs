//! Random numbers that are the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A seeded stream of random numbers. Only integers, exact arithmetic and `libm` are used,
/// so that no platform's math library can change a digit.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `[low, high)`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Nearly standard normal, within -6 to 6: the sum of twelve uniforms, minus 6
    /// (Irwin-Hall), which needs no logarithm and has no wild tail.
    pub(super) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Log-normal: half of the values are below `median`; `spread` is the standard
    /// deviation of the logarithm.
    pub(super) fn log_normal(&mut self, median: f64, spread: f64) -> f64 {
        median * libm::exp(spread * self.normal())
    }

    /// One of the choices, each as likely as its weight says.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, choices: [(T, f64); N]) -> T {
        const { assert!(N > 0, "there must be something to pick") };
        let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
        let mut rest = self.between(0.0, total);
        for (choice, weight) in choices {
            if rest < weight {
                return choice;
            }
            rest -= weight;
        }
        choices[N - 1].0
    }

    /// Uniform in `[0, 1)`, in steps of 2^-53.
    fn unit(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        (self.0.next_u64() >> 11) as f64 * STEP
    }
}
