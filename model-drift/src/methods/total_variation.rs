//! Total variation distance: `½ Σ |p - q|`, the share of rows that would have to change
//! their category; 0 to 1.
//!
//! Source: D. A. Levin and Y. Peres, "Markov Chains and Mixing Times", AMS 2017, ch. 4.

use crate::sample::shares;

/// The distance between two lists of counts; NaN when one is empty.
#[must_use]
pub fn distance(reference: &[u64], current: &[u64]) -> f64 {
    let (p, q) = (shares(reference), shares(current));
    p.iter().zip(&q).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0
}
