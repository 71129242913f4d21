//! Ridge classifier: least squares on 0 and 1 with an L2 penalty, by the normal equations.

use model_core::forest::Link;
use model_core::model::Linear;
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::ridge_regression::{RidgeRegression, RidgeRegressionParameters};

use super::columns::matrix;
use super::linear::{Scaled, mean};
use super::{FitError, Ridge, TrainingRows};

/// The columns and the answers have mean 0, so the intercept is the answers' mean. Weights
/// go in as their square roots, which multiply both sides.
pub(super) fn fit(data: &TrainingRows<'_>, params: &Ridge) -> Result<Linear, FitError> {
    let (rows, columns) = (data.rows.len(), data.columns.len());
    if rows <= columns {
        return Err(FitError::TooFewRows { rows, columns });
    }
    let scaled = Scaled::new(data, 1)?;
    let (fitted, intercept) = fit_library(data, &scaled, params)?;
    let weights = fitted.coefficients();
    let weights = (0..scaled.columns.len()).map(|column| *weights.get((column, 0)));
    let weights = weights.collect();
    Ok(scaled.exported(data, weights, intercept, Link::Identity))
}

pub(super) type Library = RidgeRegression<f64, f64, DenseMatrix<f64>, Vec<f64>>;

/// What the library fits to the answers less their mean, and that mean.
pub(super) fn fit_library(
    data: &TrainingRows<'_>,
    scaled: &Scaled,
    params: &Ridge,
) -> Result<(Library, f64), FitError> {
    let answers = data.answers_as_numbers();
    let mean = mean(answers.iter().copied(), data.weights.as_deref());
    let answers: Vec<f64> = answers.iter().map(|answer| answer - mean).collect();
    let weighted = |values: &Vec<f64>| match &data.weights {
        None => values.clone(),
        Some(weights) => {
            let pairs = values.iter().zip(weights);
            pairs.map(|(value, weight)| value * weight.sqrt()).collect()
        }
    };
    let columns: Vec<Vec<f64>> = scaled.columns.iter().map(weighted).collect();
    let parameters = RidgeRegressionParameters::default()
        .with_alpha(params.alpha)
        .with_normalize(false);
    let fitted = Library::fit(&matrix(&columns)?, &weighted(&answers), parameters)
        .map_err(|error| FitError::Library(error.to_string()))?;
    Ok((fitted, mean))
}
