//! Our own verdict: a column has drifted when the difference is statistically significant and
//! large enough to matter.
//!
//! Significance: for each column a p-value (Cramér-von Mises for numbers, chi-square or Fisher's
//! exact test for categories and for numbers of few values, and one for the share of
//! unusable values where there are any), corrected for their number by Y. Benjamini and Y.
//! Hochberg, Journal of the Royal Statistical Society B 57(1), 1995. When nothing has
//! drifted, the probability that a report flags anything is at most [`LEVEL`].
//!
//! Effect size: the share of rows that moved, at least [`LEAST_EFFECT`] whatever the number of
//! rows: the largest gap between the distribution functions for numbers, total variation
//! for categories.

use crate::methods::{
    Method, chi_square, cramer_von_mises, fisher_exact, kolmogorov_smirnov, total_variation,
};
use crate::sample::{CategoryPair, NumberPair};
use crate::sketch::{Column, Values};

/// Significance level of a corrected p-value.
pub const LEVEL: f64 = 0.01;
/// The smallest share of moved rows that counts as drift.
pub const LEAST_EFFECT: f64 = 0.03;
/// Numbers with at most so many distinct values are compared as categories.
const FEW_VALUES: usize = 10;
/// Rows of both batches up to which two categories are compared by the exact test.
const EXACT_ROWS: u64 = 2000;

/// One comparison of one column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// How it was compared.
    pub method: Method,
    /// What was compared.
    pub of: Of,
    /// The method's statistic; Fisher's exact test has none.
    pub statistic: Option<f64>,
    /// The probability of such a difference, or a larger one, without drift.
    pub p_value: f64,
    /// The share of rows that moved, 0 to 1.
    pub effect: f64,
    /// The p-value corrected for the number of comparisons; set by [`correct`].
    pub corrected: f64,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The values.
    Values,
    /// How many values are missing or unusable.
    Missing,
}

impl Finding {
    /// Whether it is significant and large enough.
    #[must_use]
    pub fn is_drift(&self) -> bool {
        self.corrected < LEVEL && self.effect >= LEAST_EFFECT
    }
}

/// Compares a column of two batches; nothing where there is nothing to compare.
#[must_use]
pub fn findings(reference: &Column, current: &Column) -> Vec<Finding> {
    let mut findings = Vec::new();
    if reference.valid() > 0 && current.valid() > 0 {
        findings.extend(match (&reference.values, &current.values) {
            (Values::Numbers(r), Values::Numbers(c)) => Some(of_numbers(&NumberPair::new(r, c))),
            (Values::Categories(r), Values::Categories(c)) => {
                let pair = CategoryPair::new(r, c);
                Some(of_categories(&pair.reference, &pair.current))
            }
            _ => None,
        });
    }
    let unusable = [reference, current].map(|column| column.rows() - column.valid());
    if unusable != [0, 0] {
        let [n, m] = [reference.rows(), current.rows()];
        let missing = of_categories(
            &[unusable[0], n - unusable[0]],
            &[unusable[1], m - unusable[1]],
        );
        findings.push(Finding {
            of: Of::Missing,
            ..missing
        });
    }
    findings
}

/// Two samples of a number.
#[must_use]
pub fn of_numbers(pair: &NumberPair) -> Finding {
    if pair.values.len() <= FEW_VALUES {
        return of_categories(&pair.reference, &pair.current);
    }
    let test = cramer_von_mises::test_with_ties(&pair.reference, &pair.current);
    Finding {
        method: Method::CramerVonMises,
        of: Of::Values,
        statistic: Some(test.statistic),
        p_value: test.p_value,
        effect: kolmogorov_smirnov::distance(&pair.reference, &pair.current),
        corrected: 1.0,
    }
}

/// Two samples of a category.
#[must_use]
pub fn of_categories(reference: &[u64], current: &[u64]) -> Finding {
    let [n, m] = [reference, current].map(|counts| counts.iter().sum::<u64>());
    let test = chi_square::homogeneity(reference, current);
    let exact = reference.len() == 2 && n + m <= EXACT_ROWS || test.freedom == 0;
    let (method, statistic, p_value) = if exact {
        // The most frequent category of the reference against all others.
        let most = reference
            .iter()
            .enumerate()
            .max_by_key(|(_, count)| **count);
        let most = most.map_or(0, |(index, _)| index);
        let of_most = |counts: &[u64]| counts.get(most).copied().unwrap_or(0);
        let p_value = fisher_exact::p_value([of_most(reference), of_most(current)], [n, m]);
        (Method::FisherExact, None, p_value)
    } else {
        (Method::ChiSquare, Some(test.statistic), test.p_value)
    };
    Finding {
        method,
        of: Of::Values,
        statistic,
        p_value,
        effect: total_variation::distance(reference, current),
        corrected: 1.0,
    }
}

/// Corrects p-values for their number, by Benjamini and Hochberg: the k-th smallest of m
/// becomes the least of `p m / k` over it and all larger ones.
#[must_use]
pub fn correct(p_values: &[f64]) -> Vec<f64> {
    let m = p_values.len() as f64;
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let mut corrected = vec![1.0; p_values.len()];
    let mut least = 1f64;
    for (from_above, index) in order.into_iter().enumerate() {
        let rank = m - from_above as f64;
        least = least.min(p_values[index] * m / rank);
        corrected[index] = least;
    }
    corrected
}

/// The smallest difference, as a share of rows, that is significant for samples of these sizes
/// and this number of comparisons: the limit of the Kolmogorov-Smirnov distance.
#[must_use]
pub fn least_visible(rows: [u64; 2], comparisons: usize) -> f64 {
    let [n, m] = rows.map(|rows| rows as f64);
    let level = LEVEL / comparisons.max(1) as f64;
    (-(level / 2.0).ln() / 2.0 * (n + m) / (n * m))
        .sqrt()
        .min(1.0)
}
