//! Population stability index: `PSI = Σ (p - q) ln(p / q)`, the sum of both
//! Kullback-Leibler divergences.
//!
//! Source: H. Jeffreys, "An invariant form for the prior probability in estimation
//! problems", Proceedings of the Royal Society A 186, 1946 (as J); as an index for
//! scorecards: N. Siddiqi, "Credit Risk Scorecards", Wiley 2006.

/// The index of two lists of shares, none of them 0.
#[must_use]
pub fn index(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| (p - q) * (p / q).ln()).sum()
}
