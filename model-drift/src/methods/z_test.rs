//! Z-test of two proportions: `z = (p₁ - p₂) / sqrt(P (1 - P) (1/n₁ + 1/n₂))`, where P is the
//! proportion of both together; two-sided p-value `2 (1 - Φ(|z|))`.
//!
//! Source: J. L. Fleiss, B. Levin and M. C. Paik, "Statistical Methods for Rates and
//! Proportions", Wiley 2003, section 3.2, without the correction for continuity.

use statrs::function::erf::erfc;

/// `ones` of `total` in the reference and in the current batch: z, 0 when both are all ones or
/// all zeros.
#[must_use]
pub fn statistic(ones: [u64; 2], total: [u64; 2]) -> f64 {
    let [n1, n2] = total.map(|n| n as f64);
    let (p1, p2) = (ones[0] as f64 / n1, ones[1] as f64 / n2);
    let pooled = (p1 * n1 + p2 * n2) / (n1 + n2);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2)).sqrt();
    match deviation == 0.0 {
        true => 0.0,
        false => (p1 - p2) / deviation,
    }
}

/// The p-value of the same, 1 when both are all ones or all zeros.
#[must_use]
pub fn p_value(ones: [u64; 2], total: [u64; 2]) -> f64 {
    let z = statistic(ones, total).abs();
    // Through the distribution function, as SciPy-based tools do: below 1e-16 it is 0.
    2.0 * (1.0 - (1.0 - erfc(z / std::f64::consts::SQRT_2) / 2.0))
}
