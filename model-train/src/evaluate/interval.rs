//! Intervals with a closed formula, and quantiles.

use model_report::span::between;
use serde::{Deserialize, Serialize};

/// The 97.5th percentile of the standard normal distribution.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// A 95% confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Wilson's score interval of a share of `hits` out of `rows`:
/// `(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)` (Wilson, "Probable inference, the law
/// of succession, and statistical inference", JASA 22, 1927). Without rows it is 0 to 1.
#[must_use]
pub fn wilson(hits: usize, rows: usize) -> Interval {
    wilson_of(hits as f64 / rows.max(1) as f64, rows as f64)
}

/// The same of a share `p` of `n` rows, where `n` may be the effective number of weighted rows.
#[must_use]
pub fn wilson_of(p: f64, n: f64) -> Interval {
    if n <= 0.0 {
        return Interval {
            low: 0.0,
            high: 1.0,
        };
    }
    let z2 = Z * Z;
    let middle = p + z2 / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    Interval {
        low: ((middle - half) / scale).max(0.0),
        high: ((middle + half) / scale).min(1.0),
    }
}

/// A share: `hits` out of `rows`. Weighted rows are as many as their effective number, which need
/// not be whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proportion {
    /// Rows that count.
    pub hits: f64,
    /// All rows.
    pub rows: f64,
}

/// The interval of the ratio of two shares, `share` over `reference`: `exp(ln ratio ± z √(1/x₁ - 1/n₁ + 1/x₀ - 1/n₀))` (Katz, Baptista, Azen
/// and Pike, "Obtaining confidence intervals for the risk ratio in cohort studies",
/// Biometrics 34, 1978). Where a share is 0, a half is added to all four counts first
/// (Walter, "The distribution of Levin's measure of attributable risk", Biometrika 62,
/// 1975). `None` without rows.
#[must_use]
pub fn ratio(share: Proportion, reference: Proportion) -> Option<Interval> {
    if share.rows <= 0.0 || reference.rows <= 0.0 {
        return None;
    }
    let half = if share.hits <= 0.0 || reference.hits <= 0.0 {
        0.5
    } else {
        0.0
    };
    let [x1, n1, x0, n0] =
        [share.hits, share.rows, reference.hits, reference.rows].map(|count| count + half);
    let log = ((x1 / n1) / (x0 / n0)).ln();
    let error = (1.0 / x1 - 1.0 / n1 + 1.0 / x0 - 1.0 / n0).max(0.0).sqrt();
    Some(Interval {
        low: (log - Z * error).exp(),
        high: (log + Z * error).exp(),
    })
}

/// The quantile of values that are sorted, between two neighbours in proportion (type 7 of
/// Hyndman and Fan, "Sample quantiles in statistical packages", The American Statistician
/// 50, 1996, and numpy's default). `None` of nothing.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = last as f64 * share.clamp(0.0, 1.0);
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let part = position - below as f64;
    Some(between(sorted[below], sorted[above], part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(hits: u32, rows: u32) -> Proportion {
        let [hits, rows] = [hits, rows].map(f64::from);
        Proportion { hits, rows }
    }

    fn close(got: Interval, low: f64, high: f64) {
        assert!(
            (got.low - low).abs() < 1e-12 && (got.high - high).abs() < 1e-12,
            "{got:?}, expected {low} to {high}"
        );
    }

    /// By scipy 1.17.1: `scipy.stats.binomtest(hits, rows).proportion_ci(method="wilson")`.
    #[test]
    fn wilson_as_scipy() {
        close(wilson(7, 20), 0.1811918241010821, 0.5671457233147637);
        close(wilson(0, 10), 0.0, 0.27753279986288926);
        close(wilson(10, 10), 1.0 - 0.27753279986288926, 1.0);
        close(wilson(0, 0), 0.0, 1.0);
    }

    /// By scipy 1.17.1: `scipy.stats.contingency.relative_risk(30, 100, 45,
    /// 90).confidence_interval(0.95)`, which uses Katz's formula.
    #[test]
    fn ratio_as_scipy() {
        close(
            ratio(share(30, 100), share(45, 90)).unwrap(),
            0.41703732841050983,
            0.8632320789414676,
        );
        assert_eq!(ratio(share(0, 0), share(1, 2)), None);
        let none_chosen = ratio(share(0, 50), share(25, 50)).unwrap();
        assert!(none_chosen.low > 0.0 && none_chosen.high < 0.4);
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.5), Some(3.0));
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.25), Some(1.75));
        assert_eq!(quantile(&[5.0], 0.9), Some(5.0));
        assert_eq!(quantile(&[], 0.9), None);
    }
}
