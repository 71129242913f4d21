//! Whether two models' areas under the ROC curve differ, on the same rows.

use serde::{Deserialize, Serialize};

use crate::evaluate::interval::{Interval, Z};

/// DeLong's test of two areas under correlated ROC curves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Delong {
    /// The areas of the first and of the second model.
    pub areas: [f64; 2],
    /// The second less the first.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// `difference ± 1.96 standard errors`.
    pub interval: Interval,
    /// The difference over its standard error; none where that is 0.
    pub z: Option<f64>,
    /// The two-sided p-value of no difference; 1 where the standard error is 0.
    pub p_value: f64,
}

/// How often each row of one class scores above those of the other, ties counting half.
struct Placements {
    area: f64,
    of_positives: Vec<f64>,
    of_negatives: Vec<f64>,
}

/// Compares the scores of two models on the same rows (DeLong, DeLong and Clarke-Pearson,
/// "Comparing the areas under two or more correlated receiver operating characteristic curves",
/// Biometrics 44, 1988), from midranks (Sun and Xu, "Fast implementation of DeLong's algorithm",
/// IEEE Signal Processing Letters 21, 2014). `None` unless each class has two rows.
#[must_use]
pub fn delong(answers: &[bool], first: &[f64], second: &[f64]) -> Option<Delong> {
    let positive = answers.iter().filter(|yes| **yes).count();
    let negative = answers.len() - positive;
    if positive < 2 || negative < 2 {
        return None;
    }
    let [a, b] = [first, second].map(|scores| placements(answers, scores));
    // The variance of the difference is that of the differences of the placements.
    let spread = |a: &[f64], b: &[f64]| {
        let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
        variance(&differences) / differences.len() as f64
    };
    let variance =
        spread(&a.of_positives, &b.of_positives) + spread(&a.of_negatives, &b.of_negatives);
    let (difference, standard_error) = (b.area - a.area, variance.sqrt());
    let z = (standard_error > 0.0).then(|| difference / standard_error);
    Some(Delong {
        areas: [a.area, b.area],
        difference,
        standard_error,
        interval: Interval {
            low: difference - Z * standard_error,
            high: difference + Z * standard_error,
        },
        z,
        p_value: z.map_or(1.0, |z| libm::erfc(z.abs() / std::f64::consts::SQRT_2)),
    })
}

fn placements(answers: &[bool], scores: &[f64]) -> Placements {
    let all = midranks(scores);
    let of_class = |class: bool| {
        let rows = answers.iter().zip(scores).zip(&all);
        let rows = rows.filter(|((answer, _), _)| **answer == class);
        let (scores, ranks): (Vec<f64>, Vec<f64>) = rows.map(|((_, s), rank)| (*s, *rank)).unzip();
        let within = midranks(&scores);
        let others = (answers.len() - scores.len()) as f64;
        let below = ranks.iter().zip(within).map(|(all, own)| all - own);
        below.map(|below| below / others).collect::<Vec<f64>>()
    };
    let of_positives = of_class(true);
    let of_negatives = of_class(false)
        .into_iter()
        .map(|below| 1.0 - below)
        .collect();
    Placements {
        area: of_positives.iter().sum::<f64>() / of_positives.len() as f64,
        of_positives,
        of_negatives,
    }
}

/// The mean rank of each value among its equals, from 1.
fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tie in order.chunk_by(|&a, &b| values[a] == values[b]) {
        for &row in tie {
            ranks[row] = before as f64 + (tie.len() as f64 + 1.0) / 2.0;
        }
        before += tie.len();
    }
    ranks
}

/// Over n - 1.
fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    square / (values.len() - 1) as f64
}
