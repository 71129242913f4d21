//! Two-sample Anderson-Darling test, with mid-ranks for ties (equation 7 of F. W. Scholz and
//! M. A. Stephens, "K-sample Anderson-Darling tests", Journal of the American Statistical
//! Association 82, 1987):
//!
//! `A² = (N - 1)/N Σ_i 1/n_i Σ_j l_j/N (N M_ij - n_i B_j)² / (B_j (N - B_j) - N l_j / 4)`
//!
//! The p-value is interpolated, as in SciPy, by a parabola through the logarithms of their
//! table's seven levels, and stays within 0.001 and 0.25.

use std::f64::consts::{EULER_GAMMA, PI};

use crate::sample::total;

/// Rows up to which the sums of the variance are added up one by one.
const SUMMED_ROWS: f64 = 100_000.0;
/// Levels of the table.
const LEVELS: [f64; 7] = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001];
/// The normed statistic at each level for two samples: `b0 + b1 + b2` of table 2.
const CRITICAL: [f64; 7] = [
    0.675 - 0.245 - 0.105,
    1.281 + 0.25 - 0.305,
    1.645 + 0.678 - 0.362,
    1.96 + 1.149 - 0.391,
    2.326 + 1.822 - 0.396,
    2.573 + 2.364 - 0.345,
    3.085 + 3.615 - 0.154,
];

/// The statistic, normed to mean 0 and variance 1, and its p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AndersonDarling {
    /// `(A² - 1) / σ`.
    pub statistic: f64,
    /// Between 0.001 and 0.25.
    pub p_value: f64,
    /// The same, but below 0.001 along the limit's tail, `exp(-A²)`.
    pub tail_p_value: f64,
}

/// Two samples counted by ascending value. `None` with fewer than two different values, an
/// empty sample or fewer than four rows.
#[must_use]
pub fn test(reference: &[u64], current: &[u64]) -> Option<AndersonDarling> {
    let (n, m) = (total(reference), total(current));
    let all = n + m;
    let different = reference.iter().zip(current).filter(|(r, c)| **r + **c > 0);
    if n == 0.0 || m == 0.0 || all < 4.0 || different.count() < 2 {
        return None;
    }
    let deviation = variance(n, m).sqrt();
    let statistic = (squared_distance(reference, current) - 1.0) / deviation;
    let beyond = (statistic - CRITICAL[6]).max(0.0);
    let p_value = interpolated(statistic);
    Some(AndersonDarling {
        statistic,
        p_value,
        tail_p_value: p_value * (-beyond * deviation).exp(),
    })
}

fn squared_distance(reference: &[u64], current: &[u64]) -> f64 {
    let (n, m) = (total(reference), total(current));
    let all = n + m;
    let (mut i, mut j) = (0.0, 0.0);
    let (mut first, mut second) = (0.0, 0.0);
    for (r, c) in reference.iter().zip(current) {
        let (r, c) = (*r as f64, *c as f64);
        let tie = r + c;
        if tie > 0.0 {
            let below = i + j + tie / 2.0;
            let weight = tie / all / (below * (all - below) - all * tie / 4.0);
            first += weight * (all * (i + r / 2.0) - below * n).powi(2);
            second += weight * (all * (j + c / 2.0) - below * m).powi(2);
        }
        i += r;
        j += c;
    }
    (first / n + second / m) * (all - 1.0) / all
}

/// The variance of `A²` without ties (equation 4), for two samples.
fn variance(n: f64, m: f64) -> f64 {
    let all = n + m;
    let both = 1.0 / n + 1.0 / m;
    let (h, g) = harmonic_sums(all);
    let a = 4.0 * g - 6.0 + (10.0 - 6.0 * g) * both;
    let b = (2.0 * g - 4.0) * 4.0 + 16.0 * h + (2.0 * g - 14.0 * h - 4.0) * both - 8.0 * h
        + 4.0 * g
        - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * 4.0
        + (4.0 * h - 4.0 * g + 6.0) * 2.0
        + (2.0 * h - 6.0) * both
        + 4.0 * h;
    let d = (2.0 * h + 6.0) * 4.0 - 8.0 * h;
    (a * all.powi(3) + b * all.powi(2) + c * all + d) / ((all - 1.0) * (all - 2.0) * (all - 3.0))
}

/// `h = Σ 1/i` for i < N, and `g = Σ 1 / ((N - i) j)` for i < j < N.
fn harmonic_sums(all: f64) -> (f64, f64) {
    if all > SUMMED_ROWS {
        // Euler and Maclaurin; g is `Σ 1/i²` for i to N, less `2 h / N + 1 / N²`.
        let h = all.ln() + EULER_GAMMA - 0.5 / all - 1.0 / (12.0 * all * all);
        let squares = PI * PI / 6.0 - 1.0 / all + 0.5 / (all * all);
        return (h, squares - 2.0 * h / all - 1.0 / (all * all));
    }
    let (mut h, mut g) = (0.0, 0.0);
    let last = all as u64;
    // One pass from the far end.
    for i in (2..last).rev() {
        h += 1.0 / i as f64;
        g += h / (last - i + 1) as f64;
    }
    (h + 1.0, g)
}

/// The least-squares parabola of the logarithms of [`LEVELS`] over [`CRITICAL`].
fn interpolated(statistic: f64) -> f64 {
    if statistic < CRITICAL[0] {
        return LEVELS[0];
    }
    if statistic > CRITICAL[6] {
        return LEVELS[6];
    }
    // Normal equations around the mean, where they are well conditioned.
    let centre = CRITICAL.iter().sum::<f64>() / 7.0;
    let mut moments = [0.0; 5];
    let mut sides = [0.0; 3];
    for (x, level) in CRITICAL.iter().zip(LEVELS) {
        let x = x - centre;
        for (power, moment) in moments.iter_mut().enumerate() {
            *moment += x.powi(power as i32);
        }
        for (power, side) in sides.iter_mut().enumerate() {
            *side += x.powi(power as i32) * level.ln();
        }
    }
    let [s0, s1, s2, s3, s4] = moments;
    let determinant = |m: [[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
            - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let rows = [[s0, s1, s2], [s1, s2, s3], [s2, s3, s4]];
    let whole = determinant(rows);
    let x = statistic - centre;
    let mut log = 0.0;
    for power in 0..3 {
        let mut replaced = rows;
        for (row, side) in replaced.iter_mut().zip(sides) {
            row[power] = side;
        }
        log += determinant(replaced) / whole * x.powi(power as i32);
    }
    log.exp()
}
