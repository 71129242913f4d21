//! Logistic regression.

use model_core::forest::Link;
use model_core::model::{Linear, Term};
use model_core::schema::Schema;
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

use super::{Column, FitError, columns, encoded, matrix};
use crate::prepare::Prepared;

/// The weight of the L2 penalty `α/2 Σ w²` beside the summed log loss; scikit-learn's
/// default `C = 1` is the same. Scaled columns make it mean the same for every feature.
const ALPHA: f64 = 1.0;

/// Fits by maximum likelihood with an L2 penalty (L-BFGS) on columns scaled to mean 0 and
/// standard deviation 1 over the training rows.
///
/// # Errors
/// When there is no input, or a column cannot be scaled.
pub fn fit(prepared: &Prepared, schema: &Schema) -> Result<Linear, FitError> {
    let columns = columns(schema);
    let mut encoded = encoded(prepared, &columns);
    let scales = encoded.iter_mut().map(|values| standardise(values));
    let scales: Vec<Scale> = scales.collect();
    for (column, scale) in columns.iter().zip(&scales) {
        if !scale.mean.is_finite() || !scale.deviation.is_finite() {
            let feature = schema.inputs().nth(column.feature);
            let feature = feature.map_or_else(String::new, |feature| feature.name.clone());
            return Err(FitError::TooLarge { feature });
        }
    }
    let answers: Vec<u8> = prepared
        .split
        .train
        .iter()
        .map(|&row| prepared.target[row].into())
        .collect();
    let parameters = LogisticRegressionParameters::default().with_alpha(ALPHA);
    let fitted = LogisticRegression::fit(&matrix(&encoded)?, &answers, parameters)
        .map_err(|error| FitError::Library(error.to_string()))?;
    Ok(exported(&fitted, &columns, &scales))
}

type Fitted = LogisticRegression<f64, u8, DenseMatrix<f64>, Vec<u8>>;

fn exported(fitted: &Fitted, columns: &[Column], scales: &[Scale]) -> Linear {
    let weights = fitted.coefficients();
    let term = |(index, (column, scale)): (usize, (&Column, &Scale))| Term {
        feature: u16::try_from(column.feature).unwrap_or(u16::MAX),
        value: column.value,
        mean: scale.mean,
        scale: scale.deviation,
        weight: *weights.get((0, index)),
    };
    Linear {
        terms: columns.iter().zip(scales).enumerate().map(term).collect(),
        intercept: *fitted.intercept().get((0, 0)),
        link: Link::Logistic,
    }
}

/// What a column was scaled by.
#[derive(Debug, Clone, Copy)]
struct Scale {
    mean: f64,
    /// The population's standard deviation; 1 where there is none.
    deviation: f64,
}

fn standardise(values: &mut [f64]) -> Scale {
    let rows = values.len() as f64;
    let mean = values.iter().sum::<f64>() / rows;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / rows;
    let deviation = match variance.sqrt() {
        0.0 => 1.0,
        deviation => deviation,
    };
    for value in values {
        *value = (*value - mean) / deviation;
    }
    Scale { mean, deviation }
}
