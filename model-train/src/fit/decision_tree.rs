//! One regression tree on 0 and 1: the mean squared error is then the Gini impurity, and a
//! leaf's mean is the share of yes among its rows, a probability.

use model_core::forest::Forest;
use serde::Deserialize;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::tree::decision_tree_regressor::{
    DecisionTreeRegressor, DecisionTreeRegressorParameters,
};

use super::columns::matrix;
use super::export::{MEAN, exported};
use super::smartcore_tree::{JsonTree, shown};
use super::{DecisionTree, FitError, TrainingRows};

#[derive(Deserialize)]
struct Shown {
    tree_regressor: JsonTree,
}

pub(super) type Library = DecisionTreeRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

pub(super) fn fit(data: &TrainingRows<'_>, params: &DecisionTree) -> Result<Forest, FitError> {
    let columns = data.encoded();
    let shown: Shown = shown(&fit_library(data, &columns, params)?)?;
    let tree = shown.tree_regressor.grown(&columns);
    Ok(exported(&[tree], &data.columns, data.schema, &MEAN))
}

pub(super) fn fit_library(
    data: &TrainingRows<'_>,
    columns: &[Vec<f64>],
    params: &DecisionTree,
) -> Result<Library, FitError> {
    // The library counts the root as a level.
    let mut parameters = DecisionTreeRegressorParameters::default()
        .with_max_depth(params.max_depth + 1)
        .with_min_samples_leaf(params.min_leaf_rows)
        .with_min_samples_split(params.min_split_rows);
    parameters.seed = Some(data.options.seed);
    let (x, y) = (matrix(columns)?, data.answers_as_numbers());
    let fitted = match &data.weights {
        None => Library::fit(&x, &y, parameters),
        Some(weights) => Library::fit_with_weights(&x, &y, weights, parameters),
    };
    fitted.map_err(|error| FitError::Library(error.to_string()))
}
