//! Kullback-Leibler divergence: `KL(p‖q) = Σ p ln(p / q)`, 0 to infinity.
//!
//! Source: S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of
//! Mathematical Statistics 22(1), 1951.

/// The divergence of two lists of shares, which are normed first; infinite when q lacks
/// what p has.
#[must_use]
pub fn divergence(p: &[f64], q: &[f64]) -> f64 {
    let (p, q) = (normalised(p), normalised(q));
    p.iter()
        .zip(&q)
        .map(|(p, q)| relative_entropy(*p, *q))
        .sum()
}

/// One term: `p ln(p / q)`, 0 where p is 0.
pub(super) fn relative_entropy(p: f64, q: f64) -> f64 {
    if p > 0.0 { p * (p / q).ln() } else { 0.0 }
}

/// Divided by their sum.
pub(super) fn normalised(shares: &[f64]) -> Vec<f64> {
    let sum: f64 = shares.iter().sum();
    shares.iter().map(|share| share / sum).collect()
}
