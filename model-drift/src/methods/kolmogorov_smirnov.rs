//! Two-sample Kolmogorov-Smirnov test: `D = max |F(x) - G(x)|`.
//!
//! Up to 10,000 rows a side the p-value is exact: the chance that a random lattice path from
//! (0, 0) to (n, m) leaves the strip `|x/n - y/m| < D`, by the recursion of T. Viehmann,
//! "Numerically more stable computation of the p-values for the two-sample
//! Kolmogorov-Smirnov test", arXiv:2102.08037, after J. L. Hodges, Arkiv för Matematik 3,
//! 1958. Beyond that it is the one-sample distribution at `n m / (n + m)` rows
//! ([`one_sample_tail`]). With ties the test is conservative.

mod one_sample;

pub use one_sample::one_sample_tail;

use crate::sample::total;

/// Rows a side up to which the p-value is exact.
pub const EXACT_ROWS: u64 = 10_000;

/// `max |F - G|` of two samples counted by ascending value; 0 to 1.
#[must_use]
pub fn distance(reference: &[u64], current: &[u64]) -> f64 {
    let (n, m) = (total(reference), total(current));
    let (mut below, mut largest) = ((0u64, 0u64), 0f64);
    for (r, c) in reference.iter().zip(current) {
        below = (below.0 + r, below.1 + c);
        largest = largest.max((below.0 as f64 / n - below.1 as f64 / m).abs());
    }
    largest
}

/// The chance of such a distance, or a larger one, between samples of `n` and `m` rows of
/// one continuous distribution.
#[must_use]
pub fn p_value(distance: f64, n: u64, m: u64) -> f64 {
    if n == 0 || m == 0 {
        return f64::NAN;
    }
    if n.max(m) <= EXACT_ROWS {
        let exact = exact(distance, n, m);
        if (0.0..=1.0).contains(&exact) {
            return exact;
        }
    }
    let (n, m) = (n as f64, m as f64);
    one_sample_tail(distance, (n * m / (n + m)).round_ties_even()).clamp(0.0, 1.0)
}

fn exact(distance: f64, n: u64, m: u64) -> f64 {
    let common = greatest_divisor(n, m);
    let multiple = n / common * m;
    let steps = (distance * multiple as f64).round_ties_even() as u64;
    if steps == 0 {
        1.0
    } else if n == m {
        leaves_square(n, steps)
    } else {
        leaves_strip(n.max(m), n.min(m), common, steps)
    }
}

/// For n = m: the reflection principle, in nested form so that nothing cancels.
fn leaves_square(n: u64, steps: u64) -> f64 {
    let (n, h) = (n as f64, steps as f64);
    let mut probability = 0.0;
    for k in (0..=(n / h).floor() as u64).rev() {
        let mut factor = 1.0;
        for j in 0..steps {
            let (k, j) = (k as f64, j as f64);
            factor = (n - k * h - j) * factor / (n + k * h + j + 1.0);
        }
        probability = factor * (1.0 - probability);
    }
    2.0 * probability
}

/// For n ≠ m: column by column, the probability of having left the strip at each point;
/// the last step to (x, y) came from (x - 1, y) with probability x / (x + y).
fn leaves_strip(n: u64, m: u64, common: u64, steps: u64) -> f64 {
    let (wide, high) = ((n / common) as i64, (m / common) as i64);
    let (n, m, steps) = (n as i64, m as i64, steps as i64);
    // Points y of column x with |high x - wide y| < steps.
    let lowest = |x: i64| ((high * x - steps).div_euclid(wide) + 1).clamp(0, m);
    let end = |x: i64| (-(-(high * x + steps)).div_euclid(wide)).min(m + 1);
    let mut column = vec![1.0; m as usize + 2];
    column[..end(0) as usize].fill(0.0);
    let mut old = (0, end(0));
    for x in 1..=n {
        let now = (lowest(x), end(x));
        if now.1 <= now.0 {
            return 1.0;
        }
        let mut below = if now.0 == 0 { 0.0 } else { 1.0 };
        for y in now.0..now.1 {
            let left = if y < old.1 { column[y as usize] } else { 1.0 };
            let (x, steps_y) = (x as f64, y as f64);
            below = (left * x + below * steps_y) / (x + steps_y);
            column[y as usize] = below;
        }
        old = now;
    }
    column[m as usize]
}

fn greatest_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
