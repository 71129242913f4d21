//! The reliability diagram: whether a predicted 80% comes true in eight cases of ten.

use serde::{Deserialize, Serialize};

use super::bins::{BINS, bin_of};
use super::interval::{Interval, wilson_of};
use super::ranked::{Ranked, RankedRow, effective_rows};

/// The rows whose probability is in one bin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Above this; the first bin includes it.
    pub low: f64,
    /// Up to this.
    pub high: f64,
    /// Number of rows.
    pub rows: usize,
    /// The mean of their probabilities.
    pub mean_probability: f64,
    /// The share of positives among them.
    pub positive_share: f64,
    /// Wilson's 95% interval of that share.
    pub interval: Interval,
}

/// The reliability diagram's points (scikit-learn: `calibration_curve(n_bins=10)`); bins
/// without rows are left out. The expected calibration error is `Σ rows/n |share - mean|`
/// over them (Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using
/// Bayesian binning", AAAI 2015). Means and shares are weighted where rows have weights.
#[must_use]
pub fn calibration(ranked: &Ranked) -> Vec<CalibrationBin> {
    let mut bins = [Sums::default(); BINS];
    for row in ranked.rows().rev() {
        bins[bin_of(row.probability)].add(row);
    }
    let bins = bins.iter().enumerate().filter(|(_, bin)| bin.rows > 0);
    bins.map(|(index, bin)| {
        bin.summary(index as f64 / BINS as f64, (index + 1) as f64 / BINS as f64)
    })
    .collect()
}

/// What is summed of the rows of a bin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) rows: usize,
    weight: f64,
    squares: f64,
    positive: f64,
    probability: f64,
}

impl Sums {
    pub(super) fn add(&mut self, row: RankedRow) {
        self.rows += 1;
        self.weight += row.weight;
        self.squares += row.weight * row.weight;
        self.probability += row.weight * row.probability;
        if row.answer {
            self.positive += row.weight;
        }
    }

    /// The bin from `low` to `high`.
    pub(super) fn summary(&self, low: f64, high: f64) -> CalibrationBin {
        let positive_share = self.positive / self.weight;
        CalibrationBin {
            low,
            high,
            rows: self.rows,
            mean_probability: self.probability / self.weight,
            positive_share,
            interval: wilson_of(positive_share, effective_rows(self.weight, self.squares)),
        }
    }
}
