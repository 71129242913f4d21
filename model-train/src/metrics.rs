//! Metrics of a model on rows it has not seen. Each is tested against scikit-learn's metric of
//! the same name.

use model_core::decide::reaches;
use serde::{Deserialize, Serialize};

/// Metrics of a classifier on `n` rows with labels `y` (1 for positive) and predicted
/// probabilities `p`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The share of correct decisions, 0 to 1; a row is approved where its probability [reaches]
    /// the threshold.
    pub accuracy: f64,
    /// The mean of both classes' F1, weighted by their number of rows, 0 to 1. A class's F1
    /// is `2 tp / (2 tp + fp + fn)`, and 0 where that is 0 / 0
    /// (scikit-learn: `f1_score(average="weighted")`).
    pub f1_weighted: f64,
    /// The area under the ROC curve, 0 to 1: the probability that a random positive gets
    /// a higher `p` than a random negative, ties counting half. Computed from ranks as Mann and
    /// Whitney's U over `n₁ n₀` (Hanley and McNeil, "The meaning and use of the area under
    /// a receiver operating characteristic curve", Radiology 143, 1982).
    pub roc_auc: f64,
    /// `-1/n Σ (y ln p + (1 - y) ln(1 - p))` with `p` clipped to `[ε, 1 - ε]`, where ε is
    /// `f64::EPSILON` (scikit-learn: `log_loss`).
    pub log_loss: f64,
    /// `1/n Σ (p - y)²`, 0 to 1 (Brier, "Verification of forecasts expressed in terms of
    /// probability", Monthly Weather Review 78, 1950).
    pub brier: f64,
}

impl Metrics {
    /// Measures `probabilities` against the labels, row by row. Both classes must occur.
    #[must_use]
    pub fn new(answers: &[bool], probabilities: &[f64], threshold: f64) -> Self {
        Self::weighted(answers, probabilities, None, threshold)
    }

    /// The same where each row counts its weight, which is above 0 (scikit-learn:
    /// `sample_weight`); `None` counts every row once.
    #[must_use]
    pub fn weighted(
        answers: &[bool],
        probabilities: &[f64],
        weights: Option<&[f64]>,
        threshold: f64,
    ) -> Self {
        let rows = || answers.iter().copied().zip(probabilities.iter().copied());
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let all = weights.map_or(answers.len() as f64, |weights| weights.iter().sum());
        let mean = |score: &dyn Fn(bool, f64) -> f64| {
            let scores = rows().enumerate();
            let scores = scores.map(|(row, (y, p))| weight(row) * score(y, p));
            scores.sum::<f64>() / all
        };
        let decided = rows().map(|(y, p)| (y, reaches(p, threshold)));
        let weighted = rows().enumerate();
        let weighted = weighted.map(|(row, (y, p))| (y, p, weight(row)));
        Self {
            accuracy: mean(&|y, p| f64::from(reaches(p, threshold) == y)),
            f1_weighted: f1_weighted(decided.enumerate().map(|(row, d)| (d, weight(row)))),
            roc_auc: roc_auc(weighted.collect()),
            log_loss: mean(&log_loss),
            brier: mean(&|y, p| (p - f64::from(y)).powi(2)),
        }
    }

    /// Names and values, in the order of the fields.
    #[must_use]
    pub fn named(&self) -> [(&'static str, f64); 5] {
        [
            ("accuracy", self.accuracy),
            ("f1_weighted", self.f1_weighted),
            ("roc_auc", self.roc_auc),
            ("log_loss", self.log_loss),
            ("brier", self.brier),
        ]
    }
}

fn log_loss(answer: bool, probability: f64) -> f64 {
    let p = probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    -(if answer { p } else { 1.0 - p }).ln()
}

/// `decided` gives for each row the answer, the decision and the weight.
fn f1_weighted(decided: impl Iterator<Item = ((bool, bool), f64)>) -> f64 {
    // weights[answer][decision]: where every row counts 1, whole numbers and so exact.
    let mut weights = [[0.0; 2]; 2];
    for ((answer, decision), weight) in decided {
        weights[usize::from(answer)][usize::from(decision)] += weight;
    }
    let wrong = weights[0][1] + weights[1][0];
    let rows = weights[0][0] + weights[1][1] + wrong;
    [0, 1]
        .map(|class| {
            let right = 2.0 * weights[class][class];
            let support = weights[class][0] + weights[class][1];
            let f1 = if right > 0.0 {
                right / (right + wrong)
            } else {
                0.0
            };
            f1 * support / rows
        })
        .iter()
        .sum()
}

/// The weight of the pairs of a positive and a negative row in which the positive one has the
/// higher probability, ties counting half, over that of all pairs. Where every row counts 1,
/// twice the sum is a whole number and so exact.
fn roc_auc(mut rows: Vec<(bool, f64, f64)>) -> f64 {
    rows.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (mut doubled_pairs, mut positive, mut negative) = (0.0, 0.0, 0.0);
    for tie in rows.chunk_by(|a, b| a.1 == b.1) {
        let mut weights = [0.0; 2];
        for (answer, _, weight) in tie {
            weights[usize::from(*answer)] += weight;
        }
        doubled_pairs += weights[1] * (2.0 * negative + weights[0]);
        negative += weights[0];
        positive += weights[1];
    }
    doubled_pairs / (2.0 * positive * negative)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answers: &[u8], probabilities: &[f64], expect: [f64; 5]) {
        let answers: Vec<bool> = answers.iter().map(|y| *y == 1).collect();
        let metrics = Metrics::new(&answers, probabilities, 0.5);
        for ((name, got), expect) in metrics.named().into_iter().zip(expect) {
            assert!(
                (got - expect).abs() < 1e-14,
                "{name}: {got}, scikit-learn {expect}"
            );
        }
    }

    /// Expected values by scikit-learn 1.9.1, for arrays `y` and `p` and `d = p >= 0.5`:
    /// `accuracy_score(y, d)`, `f1_score(y, d, average="weighted")`, `roc_auc_score(y, p)`,
    /// `log_loss(y, p)`, `brier_score_loss(y, p)`.
    #[test]
    fn as_scikit_learn_computes_them() {
        let y = [
            1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 1, 0,
            0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0,
        ];
        let p = [
            0.0, 0.58, 0.97, 0.9, 0.0, 0.0, 0.61, 0.54, 0.4, 0.4, 1.0, 0.07, 0.26, 1.0, 0.51, 0.52,
            0.52, 0.24, 0.39, 0.38, 0.34, 0.48, 0.63, 0.41, 0.63, 0.37, 0.36, 0.52, 0.5, 0.57,
            0.43, 0.15, 0.83, 0.22, 0.57, 0.08, 0.88, 0.34, 0.34, 0.27,
        ];
        check(
            &y,
            &p,
            [
                0.725,
                0.7244814582023885,
                0.8045112781954886,
                1.362054190808154,
                0.1808175,
            ],
        );
    }

    /// The same with `sample_weight`, by scikit-learn 1.8.0.
    #[test]
    fn as_scikit_learn_weighs_rows() {
        let y = [1, 0, 1, 1, 0, 0, 1, 0, 1, 0].map(|y| y == 1);
        let p = [0.9, 0.2, 0.5, 0.5, 0.5, 0.7, 0.3, 0.1, 0.8, 0.65];
        let weights = [1.0, 2.0, 0.5, 3.0, 1.5, 0.25, 4.0, 1.0, 2.0, 0.75];
        let metrics = Metrics::weighted(&y, &p, Some(&weights), 0.5);
        let expect = [
            0.59375,
            0.6025,
            0.7207792207792207,
            0.6545801344457158,
            0.2393359375,
        ];
        for ((name, got), expect) in metrics.named().into_iter().zip(expect) {
            assert!((got - expect).abs() < 1e-14, "{name}: {got}, not {expect}");
        }
    }

    #[test]
    fn a_class_never_predicted_has_f1_0() {
        check(
            &[0, 1, 1],
            &[0.2, 0.3, 0.4],
            [
                0.3333333333333333,
                0.16666666666666666,
                1.0,
                0.7811356958381003,
                0.29666666666666663,
            ],
        );
    }
}
