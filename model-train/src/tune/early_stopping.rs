//! How many trees one boosted model without a search deserves.

use std::ops::ControlFlow;

use super::cross_validation::{CrossValidation, patience};
use crate::fit::{self, FitError, GradientBoosting, Params, Validated, Validation};
use crate::parallel::parallel;

/// Patience where the folds are looked at together: one fold alone may go on a little.
const EXTRA_PATIENCE: usize = 2;

impl CrossValidation<'_> {
    /// The number of trees with the least mean log loss over the folds, all cut after the same
    /// number. One fold's best number is mostly noise; that of their mean is less so.
    ///
    /// # Errors
    /// When a fold cannot be fitted.
    pub fn best_trees(&self, boosting: &GradientBoosting, jobs: usize) -> Result<usize, FitError> {
        // The trees of an average are counted once.
        let params = Params::GradientBoosting(GradientBoosting {
            bags: 1,
            ..*boosting
        });
        let folds: Vec<usize> = (0..self.folds.len()).collect();
        let threads = (jobs / folds.len().max(1)).max(1);
        let fitted = parallel(jobs, &folds, |&fold| self.losses(&params, fold, threads));
        let losses = fitted.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(least_mean(&losses).unwrap_or(boosting.trees))
    }

    fn losses(&self, params: &Params, fold: usize, jobs: usize) -> Result<Vec<f64>, FitError> {
        let prepared = self.folds[fold].prepared();
        let validation = Validation {
            rows: &prepared.split.test,
            patience: patience(params).map(|trees| trees * EXTRA_PATIENCE),
            watch: &mut |_| ControlFlow::Continue(()),
        };
        let options = self.options(jobs);
        let train = &prepared.split.train;
        let fitted: Validated =
            fit::fit_validated(prepared, train, self.schema, params, &options, validation)?;
        Ok(fitted.losses)
    }
}

/// The first number of trees with the least mean loss, among those that every fold has.
fn least_mean(losses: &[Vec<f64>]) -> Option<usize> {
    let trees = losses.iter().map(Vec::len).min()?;
    let sum = |index: usize| losses.iter().map(|losses| losses[index]).sum::<f64>();
    let sums: Vec<f64> = (0..trees).map(sum).collect();
    let least = (0..trees).min_by(|a, b| sums[*a].total_cmp(&sums[*b]))?;
    Some(least + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folds_are_cut_at_one_number_of_trees() {
        let losses = [vec![0.6, 0.5, 0.4, 0.5], vec![0.6, 0.5, 0.55]];
        assert_eq!(least_mean(&losses), Some(3));
        assert_eq!(least_mean(&[vec![0.5, 0.5]]), Some(1));
        assert_eq!(least_mean(&[vec![0.5], Vec::new()]), None);
    }
}
