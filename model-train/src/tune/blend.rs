//! Whether boosted trees and a linear model are better together.

use super::cross_validation::CrossValidation;
use super::trial::{mean, mean_log_loss, paired};
use crate::fit::{BoostingAndLinear, FitError, GradientBoosting, LogisticRegression, Params};
use crate::parallel::parallel;

/// Shares of the linear part that are tried.
const SHARES: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// One fold: its answers with their weights, and the log odds of the trees and of the linear model.
struct Held {
    answers: Vec<bool>,
    weights: Option<Vec<f64>>,
    trees: Vec<f64>,
    linear: Vec<f64>,
}

impl CrossValidation<'_> {
    /// The average of both parts with the share of the linear one that has the least mean log loss
    /// over the folds, where it is below that of `chosen`, one of the parts, by more than one
    /// standard error of the difference, fold by fold.
    ///
    /// # Errors
    /// When a part cannot be fitted.
    pub fn blend(
        &self,
        (boosting, linear): (GradientBoosting, LogisticRegression),
        chosen: &Params,
        jobs: usize,
    ) -> Result<Option<Params>, FitError> {
        let folds: Vec<usize> = (0..self.folds.len()).collect();
        // The trees of an average are fitted once.
        let single = Params::GradientBoosting(GradientBoosting {
            bags: 1,
            ..boosting
        });
        let held = parallel(jobs, &folds, |&fold| {
            let trees = self.log_odds(&single, fold)?;
            let linear = self.log_odds(&Params::LogisticRegression(linear), fold)?;
            Ok(Held {
                answers: trees.answers,
                weights: trees.weights,
                trees: trees.log_odds,
                linear: linear.log_odds,
            })
        });
        let held = held.into_iter().collect::<Result<Vec<Held>, FitError>>()?;
        let losses = |share: f64| {
            held.iter()
                .map(|fold| fold.loss(share))
                .collect::<Vec<f64>>()
        };
        let is_linear = matches!(chosen, Params::LogisticRegression(_));
        let alone = losses(f64::from(is_linear));
        let mean_loss = |share: &f64| mean(&losses(*share)).unwrap_or(f64::MAX);
        let best = SHARES
            .into_iter()
            .min_by(|a, b| mean_loss(a).total_cmp(&mean_loss(b)));
        let better = best.filter(|share| is_clearly_less(&losses(*share), &alone));
        Ok(better.map(|linear_share| {
            Params::BoostingAndLinear(BoostingAndLinear {
                linear_share,
                boosting,
                linear,
            })
        }))
    }
}

impl Held {
    /// The mean log loss of the average.
    fn loss(&self, share: f64) -> f64 {
        let rows = self.answers.iter().zip(self.trees.iter().zip(&self.linear));
        mean_log_loss(
            rows.map(|(&answer, (trees, linear))| (answer, (1.0 - share) * trees + share * linear)),
            self.weights.as_deref(),
        )
    }
}

/// Whether the mean of `ours` is less by more than one standard error of the paired difference.
fn is_clearly_less(ours: &[f64], theirs: &[f64]) -> bool {
    paired(ours, theirs).is_some_and(|(mean, standard_error)| mean < -standard_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_must_be_clearly_better() {
        let alone = [0.50, 0.52, 0.48];
        assert!(is_clearly_less(&[0.49, 0.51, 0.47], &alone));
        assert!(!is_clearly_less(&[0.49, 0.54, 0.46], &alone));
        assert!(!is_clearly_less(&alone, &alone));
        assert!(!is_clearly_less(&[0.1], &[0.5]));
    }

    #[test]
    fn the_loss_is_that_of_the_averaged_log_odds() {
        let held = Held {
            answers: vec![true, false],
            weights: None,
            trees: vec![2.0, 1.0],
            linear: vec![0.0, -3.0],
        };
        // Log odds 1 and -1: both are -ln(1 / (1 + exp(-1))).
        let expected = (1.0 + (-1.0f64).exp()).ln();
        assert!((held.loss(0.5) - expected).abs() < 1e-12);
    }

    /// A weight of three is three rows.
    #[test]
    fn the_loss_is_weighted() {
        let weighted = Held {
            answers: vec![true, false],
            weights: Some(vec![3.0, 1.0]),
            trees: vec![2.0, 1.0],
            linear: vec![0.5, -1.0],
        };
        let repeated = Held {
            answers: vec![true, true, true, false],
            weights: None,
            trees: vec![2.0, 2.0, 2.0, 1.0],
            linear: vec![0.5, 0.5, 0.5, -1.0],
        };
        assert!((weighted.loss(0.3) - repeated.loss(0.3)).abs() < 1e-12);
    }
}
