//! The reliability diagram: whether a predicted 80% comes true in eight cases of ten.

use serde::{Deserialize, Serialize};

use super::interval::{Interval, wilson};

/// Bins of equal width between 0 and 1.
pub(super) const BINS: usize = 10;

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

/// The bin of a probability: above `low`, up to `high`, as scikit-learn's
/// `calibration_curve` has it.
pub(super) fn bin_of(probability: f64) -> usize {
    (1..BINS)
        .filter(|edge| probability > *edge as f64 * 0.1)
        .count()
}

/// The reliability diagram's points (scikit-learn: `calibration_curve(n_bins=10)`); bins
/// without rows are left out. The expected calibration error is `Σ rows/n |share - mean|`
/// over them (Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using
/// Bayesian binning", AAAI 2015).
#[must_use]
pub fn calibration(answers: &[bool], probabilities: &[f64]) -> Vec<CalibrationBin> {
    let mut bins = [(0usize, 0usize, 0.0); BINS];
    for (answer, probability) in answers.iter().zip(probabilities) {
        let bin = &mut bins[bin_of(*probability)];
        bin.0 += 1;
        bin.1 += usize::from(*answer);
        bin.2 += probability;
    }
    bins.iter()
        .enumerate()
        .filter(|(_, (rows, ..))| *rows > 0)
        .map(|(index, &(rows, positive, sum))| CalibrationBin {
            low: index as f64 / BINS as f64,
            high: (index + 1) as f64 / BINS as f64,
            rows,
            mean_probability: sum / rows as f64,
            positive_share: positive as f64 / rows as f64,
            interval: wilson(positive, rows),
        })
        .collect()
}
