//! Two-sample Cramér-von Mises test, with mid-ranks for ties:
//! `U = n Σ (r_i - i)² + m Σ (s_j - j)²`, `T = U / (n m (n + m)) - (4 n m - 1) / (6 (n + m))`.
//!
//! Up to 20 rows a side the p-value is exact. Beyond that T is brought to mean and variance of its limit and looked up there. Source: T. W.
//! Anderson, "On the distribution of the two-sample Cramér-von Mises criterion", Annals of
//! Mathematical Statistics 33(3), 1962; the limit's distribution function is the series
//! (1.2) of S. Csörgő and J. J. Faraway, Journal of the Royal Statistical Society B 58(1),
//! 1996.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use crate::sample::total;

/// Terms below this end the series, as in SciPy: p-values near 0 share its error.
const LEAST_TERM: f64 = 1e-7;

/// Beyond this the limit exceeds x with a probability below the smallest `f64` (8.3e-325 at 150.5,
/// about `exp(-π² x / 2)`), while the series needs ever more terms: some `4.4 √x`.
const LARGEST: f64 = 150.5;

/// The same for the p-value with SciPy's error, which stays below 1.2e-5: so far the series is
/// added up to its last term.
const LARGEST_OF_SCIPY: f64 = 1e6;

/// Rows a side up to which the p-value is exact.
const EXACT_ROWS: f64 = 20.0;

/// T and its p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CramerVonMises {
    /// `T`.
    pub statistic: f64,
    /// The chance of such a statistic, or a larger one, without drift.
    pub p_value: f64,
}

/// Two samples counted by ascending value; NaN when one is empty.
#[must_use]
pub fn test(reference: &[u64], current: &[u64]) -> CramerVonMises {
    let (n, m) = (total(reference), total(current));
    let (k, all) = (n * m, n + m);
    let u = rank_distance(reference, current);
    let statistic = u / (k * all) - (4.0 * k - 1.0) / (6.0 * all);
    let mean = (1.0 + 1.0 / all) / 6.0;
    let variance = (all + 1.0) * (4.0 * k * all - 3.0 * (n * n + m * m) - 2.0 * k)
        / (45.0 * all * all * 4.0 * k);
    let normed = 1.0 / 6.0 + (statistic - mean) / (45.0 * variance).sqrt();
    let p_value = if n.max(m) <= EXACT_ROWS {
        exact(u, n as i64, m as i64)
    } else if normed < 0.003 {
        1.0
    } else if normed > LARGEST_OF_SCIPY {
        0.0
    } else {
        (1.0 - limit(normed, LEAST_TERM)).max(0.0)
    };
    CramerVonMises { statistic, p_value }
}

/// The share of all orders of n and m rows whose statistic is at least that of U: lattice
/// paths counted by `Σ (a v - b u)²` (Y. Xiao, A. Gordon and A. Yakovlev, Journal of
/// Statistical Software 17(8), 2006).
fn exact(u: f64, n: i64, m: i64) -> f64 {
    let (mut divisor, mut rest) = (n, m);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let common = n * m / divisor;
    let (a, b) = (common / n, common / m);
    let (k, all) = ((n * m) as f64, (n + m) as f64);
    let least = (common * common) as f64 * all * (6.0 * u - k * (4.0 * k - 1.0));
    let least = (least / (6.0 * k * k)).floor();
    let mut row: Vec<BTreeMap<i64, f64>> = vec![BTreeMap::new(); n as usize + 1];
    for y in 0..=m {
        let mut left: BTreeMap<i64, f64> = BTreeMap::new();
        for x in 0..=n {
            let mut paths = std::mem::take(&mut row[x as usize]);
            for (value, count) in left {
                *paths.entry(value).or_insert(0.0) += count;
            }
            if x == 0 && y == 0 {
                paths.insert(0, 1.0);
            }
            let here = (a * x - b * y).pow(2);
            left = paths
                .into_iter()
                .map(|(value, count)| (value + here, count))
                .collect();
            row[x as usize].clone_from(&left);
        }
    }
    let paths = &row[n as usize];
    let extreme: f64 = paths
        .iter()
        .filter(|(value, _)| **value as f64 >= least)
        .map(|p| p.1)
        .sum();
    extreme / paths.values().sum::<f64>()
}

/// The same with ties taken as what they are: `T = n m / N² Σ d (F - G)²` over the different
/// values, d rows each, with F and G in the middle of their steps. Without ties the two
/// forms agree up to terms of order 1/N; with ties this one is conservative, while the
/// ranks of [`test()`] grow with every tie and take rounding for drift.
#[must_use]
pub fn test_with_ties(reference: &[u64], current: &[u64]) -> CramerVonMises {
    let (n, m) = (total(reference), total(current));
    let (mut i, mut j, mut sum) = (0.0, 0.0, 0.0);
    for (r, c) in reference.iter().zip(current) {
        let (r, c) = (*r as f64, *c as f64);
        sum += (r + c) * ((i + r / 2.0) / n - (j + c / 2.0) / m).powi(2);
        i += r;
        j += c;
    }
    let statistic = n * m / (n + m).powi(2) * sum;
    let p_value = match statistic {
        _ if statistic < 0.003 => 1.0,
        _ if statistic.is_nan() => f64::NAN,
        _ if statistic > LARGEST => 0.0,
        _ => (1.0 - limit(statistic, f64::EPSILON / 8.0)).max(0.0),
    };
    CramerVonMises { statistic, p_value }
}

/// U. Within a tie of t rows of one sample that begin after i others, the ranks within the
/// sample are i + 1 to i + t and the mid-rank is one number.
fn rank_distance(reference: &[u64], current: &[u64]) -> f64 {
    let (n, m) = (total(reference), total(current));
    let (mut i, mut j) = (0.0, 0.0);
    let (mut first, mut second) = (0.0, 0.0);
    for (r, c) in reference.iter().zip(current) {
        let (r, c) = (*r as f64, *c as f64);
        let middle = i + j + (r + c + 1.0) / 2.0;
        first += squares(middle - i, r);
        second += squares(middle - j, c);
        i += r;
        j += c;
    }
    n * first + m * second
}

/// `Σ (distance - k)²` for k from 1 to count.
fn squares(distance: f64, count: f64) -> f64 {
    let centre = distance - (count + 1.0) / 2.0;
    count * centre * centre + count * (count * count - 1.0) / 12.0
}

/// The distribution function of the limit.
fn limit(x: f64, least_term: f64) -> f64 {
    let mut sum = 0.0;
    // Γ(k + 1/2) / Γ(k + 1)
    let mut gammas = PI.sqrt();
    for k in 0..10_000 {
        let k = f64::from(k);
        let weight = gammas / (PI.powf(1.5) * x.sqrt());
        gammas *= (k + 0.5) / (k + 1.0);
        let y = 4.0 * k + 1.0;
        let q = y * y / (16.0 * x);
        let term = weight * y.sqrt() * (-q).exp() * bessel_k_quarter(q);
        sum += term;
        // Also when the term is NaN.
        if term.is_nan() || term.abs() < least_term {
            break;
        }
    }
    sum
}

/// The modified Bessel function of the second kind and order 1/4, from
/// `K_ν(x) = ∫ exp(-x cosh t) cosh(ν t) dt`, t from 0 (NIST Digital Library of Mathematical
/// Functions, 10.32.9). The integrand is even and analytic and falls off doubly
/// exponentially, so the trapezoidal rule is accurate to the last digits.
fn bessel_k_quarter(x: f64) -> f64 {
    const STEP: f64 = 1.0 / 16.0;
    let mut sum = (-x).exp() / 2.0;
    for index in 1..10_000 {
        let t = f64::from(index) * STEP;
        let term = (-x * t.cosh()).exp() * (t / 4.0).cosh();
        sum += term;
        if term <= sum * 1e-18 {
            break;
        }
    }
    sum * STEP
}
