//! What a model may cost.

use serde::{Deserialize, Serialize};

/// Beyond every metric that a search is about.
const OVER_BUDGET: f64 = 1e3;

/// What a model costs to keep and to ask.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Bytes of the model in the artifact.
    pub bytes: u64,
    /// The same, gzipped.
    pub gzip_bytes: u64,
    /// Nanoseconds for the probability of one row, on one core of this machine; 0 where it
    /// was not measured.
    pub nanoseconds: f64,
}

/// What a model may cost; all of it must hold.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// At most so many bytes in the artifact.
    pub bytes: Option<u64>,
    /// At most so many bytes when gzipped.
    pub gzip_bytes: Option<u64>,
    /// At most so many nanoseconds for one row. A search with it depends on the machine, and
    /// is not reproducible.
    pub nanoseconds: Option<f64>,
}

impl Budget {
    /// Whether a model is within it.
    #[must_use]
    pub fn allows(&self, cost: &Cost) -> bool {
        self.excess(cost) == 0.0
    }

    /// 0 within the budget; outside it grows with how many times too expensive the model is.
    pub(super) fn excess(&self, cost: &Cost) -> f64 {
        let ratio = self.ratio(cost);
        if ratio > 1.0 {
            OVER_BUDGET * ratio.min(1e6)
        } else {
            0.0
        }
    }

    /// How many times the budget a model costs, by the bound that it strains most; 0 where
    /// there is no bound.
    pub(super) fn ratio(&self, cost: &Cost) -> f64 {
        let ratios = [
            self.bytes.map(|most| cost.bytes as f64 / most as f64),
            self.gzip_bytes
                .map(|most| cost.gzip_bytes as f64 / most as f64),
            self.nanoseconds.map(|most| cost.nanoseconds / most),
        ];
        ratios.into_iter().flatten().fold(0.0, f64::max)
    }
}
