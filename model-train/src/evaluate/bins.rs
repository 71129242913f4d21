//! Ten bins of probabilities.

/// Bins of equal width between 0 and 1.
pub(super) const BINS: usize = 10;

/// The bin of a probability: above `low`, up to `high`, as scikit-learn's
/// `calibration_curve` has it.
pub(super) fn bin_of(probability: f64) -> usize {
    (1..BINS)
        .filter(|edge| probability > *edge as f64 * 0.1)
        .count()
}
