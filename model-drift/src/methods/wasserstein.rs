//! Wasserstein distance of order 1, in standard deviations of the reference.
//!
//! `W = ∫ |F(x) - G(x)| dx / max(σ, 0.001)`, where F and G are the empirical distribution
//! functions and σ is the reference's standard deviation (divided by n). The integral is
//! the least mean distance by which rows must be moved to turn one sample into the other.
//!
//! Source: L. N. Vaserstein, "Markov processes over denumerable products of spaces",
//! Problems of Information Transmission 5(3), 1969; in one dimension C. Villani, "Optimal
//! Transport", Springer 2009, remark 2.19. The norming is Evidently 0.4.33's.

use model_report::span;

use crate::sample::{NumberPair, total};

/// Below this a standard deviation does not norm.
pub const LEAST_NORM: f64 = 0.001;

/// The distance; NaN when a sample is empty, infinite where no number holds it.
#[must_use]
pub fn normed(pair: &NumberPair) -> f64 {
    let (unit, own) = (
        span::unit(pair.values.iter().copied()),
        unit_of(&pair.values, &pair.reference),
    );
    let deviation = deviation_in(own, &pair.values, &pair.reference);
    distance_in(unit, pair) / deviation.max(LEAST_NORM / own) * (unit / own)
}

/// The same in the column's own unit.
#[must_use]
pub fn distance(pair: &NumberPair) -> f64 {
    let unit = span::unit(pair.values.iter().copied());
    distance_in(unit, pair) * unit
}

/// The mean of numbers that were counted.
#[must_use]
pub fn mean(values: &[f64], counts: &[u64]) -> f64 {
    let unit = unit_of(values, counts);
    (mean_in(unit, values, counts) * unit).clamp(f64::MIN, f64::MAX)
}

/// Their standard deviation, divided by n.
#[must_use]
pub fn standard_deviation(values: &[f64], counts: &[u64]) -> f64 {
    let unit = unit_of(values, counts);
    deviation_in(unit, values, counts) * unit
}

fn distance_in(unit: f64, pair: &NumberPair) -> f64 {
    let (n, m) = (total(&pair.reference), total(&pair.current));
    let (mut reference, mut current, mut area) = (0u64, 0u64, 0.0);
    for (index, step) in pair.values.windows(2).enumerate() {
        reference += pair.reference[index];
        current += pair.current[index];
        let apart = (reference as f64 / n - current as f64 / m).abs();
        area += apart * (step[1] / unit - step[0] / unit);
    }
    if n == 0.0 || m == 0.0 { f64::NAN } else { area }
}

fn mean_in(unit: f64, values: &[f64], counts: &[u64]) -> f64 {
    let weighted = counted(values, counts).map(|(v, c)| v / unit * c);
    weighted.sum::<f64>() / total(counts)
}

fn deviation_in(unit: f64, values: &[f64], counts: &[u64]) -> f64 {
    let mean = mean_in(unit, values, counts);
    let squares = counted(values, counts).map(|(v, c)| (v / unit - mean).powi(2) * c);
    (squares.sum::<f64>() / total(counts)).sqrt()
}

fn unit_of(values: &[f64], counts: &[u64]) -> f64 {
    span::unit(counted(values, counts).map(|(value, _)| value))
}

/// What the other sample alone has does not count.
fn counted(values: &[f64], counts: &[u64]) -> impl Iterator<Item = (f64, f64)> {
    let pairs = values.iter().zip(counts);
    let pairs = pairs.map(|(value, count)| (*value, *count as f64));
    pairs.filter(|(_, count)| *count > 0.0)
}
