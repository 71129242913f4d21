//! Logistic regression on rows of different weights, by Newton's method (iteratively reweighted
//! least squares; Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, 4.4.1).

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use model_core::forest::Link;

/// Steps of Newton's method; it needs about ten.
const STEPS: usize = 100;
/// Halvings of a step that does not help.
const HALVINGS: i32 = 40;
/// It is done when the loss falls by less than this share.
const TOLERANCE: f64 = 1e-14;
/// On the Hessian's diagonal, so that columns that repeat each other do no harm.
const JITTER: f64 = 1e-10;

/// What was fitted.
#[derive(Debug)]
pub(super) struct Fitted {
    /// One for each column.
    pub(super) weights: Vec<f64>,
    pub(super) intercept: f64,
}

/// Minimizes `Σ weight · log loss + alpha / 2 · Σ coefficient²`; the intercept is not
/// penalized (scikit-learn: `LogisticRegression(C=1 / alpha)` with `sample_weight`). The result
/// does not depend on the number of threads. `None` where the loss has no minimum that can be
/// found.
pub(super) fn fit(
    columns: &[Vec<f64>],
    answers: &[bool],
    weights: &[f64],
    alpha: f64,
) -> Option<Fitted> {
    let problem = Problem {
        columns,
        answers,
        weights,
        alpha,
    };
    let yes: f64 = (answers.iter().zip(weights))
        .filter(|(yes, _)| **yes)
        .map(|(_, w)| w)
        .sum();
    let no = weights.iter().sum::<f64>() - yes;
    // The last is the intercept; without columns its best is the log odds.
    let mut at = vec![0.0; columns.len() + 1];
    *at.last_mut()? = (yes / no).ln();
    let mut loss = problem.loss(&at);
    for _ in 0..STEPS {
        let step = problem.newton_step(&at)?;
        let tried = (0..HALVINGS).map(|halvings| {
            let share = 0.5f64.powi(halvings);
            let to: Vec<f64> = at.iter().zip(&step).map(|(a, s)| a - share * s).collect();
            let less = problem.loss(&to);
            (to, less)
        });
        let Some((to, less)) = tried.into_iter().find(|(_, less)| *less < loss) else {
            break;
        };
        let gain = loss - less;
        (at, loss) = (to, less);
        if gain <= TOLERANCE * loss.abs() {
            break;
        }
    }
    let intercept = at.pop()?;
    let finite = intercept.is_finite() && at.iter().all(|weight| weight.is_finite());
    finite.then_some(Fitted {
        weights: at,
        intercept,
    })
}

struct Problem<'a> {
    columns: &'a [Vec<f64>],
    answers: &'a [bool],
    weights: &'a [f64],
    alpha: f64,
}

impl Problem<'_> {
    fn margins(&self, at: &[f64]) -> Vec<f64> {
        let intercept = at.last().copied().unwrap_or_default();
        let mut margins = vec![intercept; self.answers.len()];
        for (column, weight) in self.columns.iter().zip(at) {
            for (margin, value) in margins.iter_mut().zip(column) {
                *margin += weight * value;
            }
        }
        margins
    }

    fn loss(&self, at: &[f64]) -> f64 {
        let rows = self.margins(at).into_iter().zip(self.answers);
        let losses = rows.zip(self.weights).map(|((margin, yes), weight)| {
            // ln(1 + e^-z) for the margin z of the right side.
            let z = if *yes { margin } else { -margin };
            weight * ((-z).max(0.0) + libm::log1p(libm::exp(-z.abs())))
        });
        let squares: f64 = at[..at.len() - 1].iter().map(|w| w * w).sum();
        losses.sum::<f64>() + self.alpha / 2.0 * squares
    }

    /// The inverse Hessian times the gradient.
    fn newton_step(&self, at: &[f64]) -> Option<Vec<f64>> {
        let probabilities = self
            .margins(at)
            .into_iter()
            .map(|z| Link::Logistic.apply(z));
        let rows = probabilities.zip(self.answers).zip(self.weights);
        let (errors, curves): (Vec<f64>, Vec<f64>) = rows
            .map(|((p, yes), weight)| (weight * (p - f64::from(*yes)), weight * p * (1.0 - p)))
            .unzip();
        let last = self.columns.len();
        let ones = vec![1.0; self.answers.len()];
        let column = |index: usize| self.columns.get(index).unwrap_or(&ones);
        // Each entry is one sum in the order of the rows, whatever thread takes it.
        let lower: Vec<Vec<f64>> = (0..=last)
            .into_par_iter()
            .map(|i| {
                let scaled: Vec<f64> = column(i).iter().zip(&curves).map(|(x, c)| x * c).collect();
                (0..=i).map(|j| dot(&scaled, column(j))).collect()
            })
            .collect();
        let gradient = (0..=last).map(|i| {
            let penalty = if i < last { self.alpha * at[i] } else { 0.0 };
            dot(&errors, column(i)) + penalty
        });
        let penalty = |i: usize| if i < last { self.alpha } else { 0.0 };
        let hessian = lower.into_iter().enumerate().map(|(i, mut row)| {
            row[i] += penalty(i) + JITTER;
            row
        });
        solve(hessian.collect(), gradient.collect())
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

/// Solves a symmetric system by Cholesky's decomposition; `lower` holds the rows up to the
/// diagonal. `None` where it is not positive definite.
fn solve(mut lower: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    for i in 0..size {
        for j in 0..=i {
            let known = dot(&lower[i][..j], &lower[j][..j]);
            let rest = lower[i][j] - known;
            lower[i][j] = if i == j {
                (rest > 0.0).then(|| rest.sqrt())?
            } else {
                rest / lower[j][j]
            };
        }
    }
    for i in 0..size {
        let known = dot(&lower[i][..i], &right[..i]);
        right[i] = (right[i] - known) / lower[i][i];
    }
    for i in (0..size).rev() {
        let known: f64 = (i + 1..size).map(|k| lower[k][i] * right[k]).sum();
        right[i] = (right[i] - known) / lower[i][i];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected by scikit-learn 1.8.0: `LogisticRegression(C=2, tol=1e-14,
    /// solver="newton-cholesky")` with `sample_weight`.
    #[test]
    fn as_scikit_learn_fits_weighted_rows() {
        let columns = [
            vec![0.5, -1.2, 2.0, 0.1, -0.7, 1.5, -2.1, 0.9],
            vec![1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0],
        ];
        let answers = [true, false, true, false, true, true, false, false];
        let weights = [1.0, 0.25, 2.5, 1.5, 0.75, 3.0, 1.0, 2.0];
        let fitted = fit(&columns, &answers, &weights, 0.5).unwrap();
        let expect = [1.073470775192775, 0.09292144884878, -0.40812601078781];
        let got = [fitted.weights[0], fitted.weights[1], fitted.intercept];
        for (got, expect) in got.into_iter().zip(expect) {
            assert!((got - expect).abs() < 1e-8, "{got}, scikit-learn {expect}");
        }
    }
}
