//! Hellinger distance: `sqrt(1 - Σ sqrt(p q))`, 0 to 1; the sum is the Bhattacharyya
//! coefficient.
//!
//! Source: E. Hellinger, "Neue Begründung der Theorie quadratischer Formen von
//! unendlichvielen Veränderlichen", Journal für die reine und angewandte Mathematik 136,
//! 1909; A. Bhattacharyya, Bulletin of the Calcutta Mathematical Society 35, 1943.

/// The distance between two lists of shares.
#[must_use]
pub fn distance(p: &[f64], q: &[f64]) -> f64 {
    let coefficient: f64 = p.iter().zip(q).map(|(p, q)| (p * q).sqrt()).sum();
    from_coefficient(coefficient)
}

/// The distance of a Bhattacharyya coefficient; rounding may have put it above 1.
#[must_use]
pub fn from_coefficient(coefficient: f64) -> f64 {
    (1.0 - coefficient.clamp(0.0, 1.0)).sqrt()
}
