//! Logistic regression: maximum likelihood with an L2 penalty.

use model_core::forest::Link;
use model_core::model::Linear;

use super::linear::Scaled;
use super::newton::Problem;
use super::{FitError, LogisticRegression, TrainingRows};

pub(super) fn fit(
    data: &TrainingRows<'_>,
    params: &LogisticRegression,
) -> Result<Linear, FitError> {
    let scaled = Scaled::new(data, params.bins)?;
    let problem = Problem {
        columns: &scaled.columns,
        answers: &data.answers,
        weights: data.weights.as_deref(),
        alpha: params.alpha,
    };
    let mut weights = problem.solve();
    let intercept = weights.pop().unwrap_or_default();
    Ok(scaled.exported(data, weights, intercept, Link::Logistic))
}
