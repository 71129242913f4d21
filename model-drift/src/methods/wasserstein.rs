//! Wasserstein distance of order 1, in standard deviations of the reference.
//!
//! `W = ∫ |F(x) - G(x)| dx / max(σ, 0.001)`, where F and G are the empirical distribution
//! functions and σ is the reference's standard deviation (divided by n). The integral is
//! the least mean distance by which rows must be moved to turn one sample into the other.
//!
//! Source: L. N. Vaserstein, "Markov processes over denumerable products of spaces",
//! Problems of Information Transmission 5(3), 1969; in one dimension C. Villani, "Optimal
//! Transport", Springer 2009, remark 2.19. The norming is Evidently 0.4.33's.

use crate::sample::{NumberPair, total};

/// Below this a standard deviation does not norm.
pub const LEAST_NORM: f64 = 0.001;

/// The distance; NaN when a sample is empty.
#[must_use]
pub fn normed(pair: &NumberPair) -> f64 {
    distance(pair) / standard_deviation(&pair.values, &pair.reference).max(LEAST_NORM)
}

/// The same in the column's own unit.
#[must_use]
pub fn distance(pair: &NumberPair) -> f64 {
    let (n, m) = (total(&pair.reference), total(&pair.current));
    let (mut reference, mut current, mut area) = (0u64, 0u64, 0.0);
    for (index, step) in pair.values.windows(2).enumerate() {
        reference += pair.reference[index];
        current += pair.current[index];
        area += (reference as f64 / n - current as f64 / m).abs() * (step[1] - step[0]);
    }
    if n == 0.0 || m == 0.0 { f64::NAN } else { area }
}

/// The mean of numbers that were counted.
#[must_use]
pub fn mean(values: &[f64], counts: &[u64]) -> f64 {
    let weighted = values.iter().zip(counts).map(|(v, c)| v * *c as f64);
    weighted.sum::<f64>() / total(counts)
}

/// Their standard deviation, divided by n.
#[must_use]
pub fn standard_deviation(values: &[f64], counts: &[u64]) -> f64 {
    let mean = mean(values, counts);
    let squares = values.iter().zip(counts);
    let squares = squares.map(|(v, c)| (v - mean).powi(2) * *c as f64);
    (squares.sum::<f64>() / total(counts)).sqrt()
}
