//! Logistic regression: maximum likelihood with an L2 penalty (L-BFGS; Newton's method where
//! rows have weights).

use model_core::forest::Link;
use model_core::model::Linear;
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::LogisticRegressionParameters;

use super::columns::matrix;
use super::linear::Scaled;
use super::{FitError, LogisticRegression, TrainingRows, weighted_logistic};

pub(super) fn fit(
    data: &TrainingRows<'_>,
    params: &LogisticRegression,
) -> Result<Linear, FitError> {
    let scaled = Scaled::new(data)?;
    if let (Some(weights), true) = (&data.weights, data.prepared.weights.is_some()) {
        // Rows of any weight cannot be repeated, as the library would need it.
        let fitted = weighted_logistic::fit(&scaled.columns, &data.answers, weights, params.alpha)
            .ok_or_else(|| FitError::Library("the weighted rows have no maximum".into()))?;
        let (weights, intercept) = (fitted.weights.into_iter(), fitted.intercept);
        return Ok(scaled.exported(data, weights, intercept, Link::Logistic));
    }
    let fitted = fit_library(data, &scaled, params)?;
    let weights = fitted.coefficients();
    let weights = (0..scaled.columns.len()).map(|column| *weights.get((0, column)));
    let intercept = *fitted.intercept().get((0, 0));
    Ok(scaled.exported(data, weights, intercept, Link::Logistic))
}

pub(super) type Library =
    smartcore::linear::logistic_regression::LogisticRegression<f64, u8, DenseMatrix<f64>, Vec<u8>>;

pub(super) fn fit_library(
    data: &TrainingRows<'_>,
    scaled: &Scaled,
    params: &LogisticRegression,
) -> Result<Library, FitError> {
    let copies = copies(data);
    let repeated = |values: &Vec<f64>| copies.iter().map(|&row| values[row]).collect();
    let columns: Vec<Vec<f64>> = scaled.columns.iter().map(repeated).collect();
    let answers: Vec<u8> = copies.iter().map(|&row| data.answers[row].into()).collect();
    let parameters = LogisticRegressionParameters::default().with_alpha(params.alpha);
    Library::fit(&matrix(&columns)?, &answers, parameters)
        .map_err(|error| FitError::Library(error.to_string()))
}

/// The library takes no weights here: a row that counts more is there more than once. The
/// lighter class is there once; the copies of the other are spread evenly over its rows, so
/// that the classes' sums are in the ratio of the weights to within one row.
fn copies(data: &TrainingRows<'_>) -> Vec<usize> {
    let [no, yes] = data.class_weights;
    let ratio = [no, yes].map(|weight| weight / no.min(yes));
    let mut met = [0.0f64; 2];
    let mut copies = Vec::with_capacity(data.answers.len());
    for (row, &answer) in data.answers.iter().enumerate() {
        let class = usize::from(answer);
        let before = (met[class] * ratio[class]).round();
        met[class] += 1.0;
        let count = (met[class] * ratio[class]).round() - before;
        copies.extend(std::iter::repeat_n(row, count as usize));
    }
    copies
}
