//! Pearson's chi-square test: `X² = Σ (O - E)² / E`, p-value from the chi-square
//! distribution.
//!
//! Source: K. Pearson, Philosophical Magazine 50, 1900. Two forms: goodness of fit takes the
//! reference as the truth (`E = r · m / n`, k - 1 degrees of freedom), which is Evidently's;
//! homogeneity lets both samples vary (`E = row · column / N`, k - 1 degrees of freedom),
//! which is right when the reference is a sample too. Cells that expect fewer than 5 are
//! pooled (W. G. Cochran, "Some methods for strengthening the common χ² tests", Biometrics
//! 10(4), 1954).

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::sample::total;

/// Fewest that a cell should expect.
const LEAST_EXPECTED: f64 = 5.0;

/// A statistic and its p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    /// `X²`.
    pub statistic: f64,
    /// Degrees of freedom; 0 when there is nothing to compare, and then p is 1.
    pub freedom: usize,
    /// The chance of such a statistic, or a larger one, without drift.
    pub p_value: f64,
}

/// How well the current counts fit the reference's shares. A category that the reference
/// does not have gives an infinite statistic and p-value 0.
#[must_use]
pub fn goodness_of_fit(reference: &[u64], current: &[u64]) -> ChiSquare {
    let factor = total(current) / total(reference);
    let mut statistic = 0.0;
    for (r, c) in reference.iter().zip(current) {
        let expected = *r as f64 * factor;
        if *r > 0 || *c > 0 {
            statistic += (*c as f64 - expected).powi(2) / expected;
        }
    }
    let cells = reference
        .iter()
        .zip(current)
        .filter(|(r, c)| **r > 0 || **c > 0);
    tail(statistic, cells.count())
}

/// Whether both samples may come from the same shares; rare categories are pooled.
#[must_use]
pub fn homogeneity(reference: &[u64], current: &[u64]) -> ChiSquare {
    let (reference, current) = pooled(reference, current);
    let (n, m) = (total(&reference), total(&current));
    let mut statistic = 0.0;
    for (r, c) in reference.iter().zip(&current) {
        let both = (r + c) as f64;
        for (observed, size) in [(*r, n), (*c, m)] {
            let expected = both * size / (n + m);
            statistic += (observed as f64 - expected).powi(2) / expected;
        }
    }
    tail(statistic, reference.len())
}

fn tail(statistic: f64, cells: usize) -> ChiSquare {
    let freedom = cells.saturating_sub(1);
    let p_value = match ChiSquared::new(freedom as f64) {
        Ok(_) if statistic == f64::INFINITY => 0.0,
        Ok(distribution) => distribution.sf(statistic).clamp(0.0, 1.0),
        Err(_) => 1.0,
    };
    ChiSquare {
        statistic,
        freedom,
        p_value,
    }
}

/// The cells that expect enough, and all others as one; when that one is still too small it
/// joins the smallest.
fn pooled(reference: &[u64], current: &[u64]) -> (Vec<u64>, Vec<u64>) {
    let (n, m) = (total(reference), total(current));
    let smaller = n.min(m) / (n + m);
    let expects = |both: u64| both as f64 * smaller;
    let mut cells: Vec<(u64, u64)> = Vec::new();
    let mut rest = (0, 0);
    for (&r, &c) in reference.iter().zip(current) {
        if expects(r + c) >= LEAST_EXPECTED {
            cells.push((r, c));
        } else {
            rest = (rest.0 + r, rest.1 + c);
        }
    }
    if expects(rest.0 + rest.1) >= LEAST_EXPECTED {
        cells.push(rest);
    } else if let Some(smallest) = cells.iter_mut().min_by_key(|cell| cell.0 + cell.1) {
        *smallest = (smallest.0 + rest.0, smallest.1 + rest.1);
    }
    cells.into_iter().unzip()
}
