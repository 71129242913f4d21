//! Random forests of regression trees on 0 and 1 (see [`super::decision_tree`]).
//!
//! The forest is grown in groups of trees with seeds of their own, so that the groups can
//! run on any number of threads and give the same trees.

use model_core::forest::Forest;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::Deserialize;
use smartcore::ensemble::random_forest_regressor::{
    RandomForestRegressor, RandomForestRegressorParameters,
};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::columns::matrix;
use super::export::{Grown, MEAN, exported};
use super::smartcore_tree::{JsonTree, shown};
use super::{FitError, RandomForest, TrainingRows};

/// How many trees are grown with one seed.
const GROUP: usize = 10;

/// Grows a forest; the same rows and seed give the same forest.
pub(super) fn fit(data: &TrainingRows<'_>, params: &RandomForest) -> Result<Forest, FitError> {
    let rows = Rows::new(data)?;
    let groups: Result<Vec<_>, _> = groups(params, data.options.seed)
        .into_par_iter()
        .map(|group| trees_of(&fit_group(&rows, params, group)?, &rows))
        .collect();
    let trees: Vec<Grown> = groups?.into_iter().flatten().collect();
    Ok(exported(&trees, &data.columns, data.schema, &MEAN))
}

/// What every group is grown on.
pub(super) struct Rows<'a> {
    matrix: DenseMatrix<f64>,
    answers: Vec<f64>,
    weights: Option<&'a [f64]>,
    /// The matrix's columns again: the library keeps its own to itself.
    columns: Vec<Vec<f64>>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(data: &'a TrainingRows<'_>) -> Result<Self, FitError> {
        let columns = data.encoded();
        Ok(Self {
            matrix: matrix(&columns)?,
            answers: data.answers_as_numbers(),
            weights: data.weights.as_deref(),
            columns,
        })
    }
}

#[derive(Clone, Copy)]
pub(super) struct Group {
    pub(super) trees: usize,
    seed: u64,
}

pub(super) type Library = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

/// Seeds apart from each other: the library numbers its trees on from the seed.
pub(super) fn groups(params: &RandomForest, seed: u64) -> Vec<Group> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let trees = (0..params.trees).step_by(GROUP);
    let trees = trees.map(|first| GROUP.min(params.trees - first));
    let group = |trees| Group {
        trees,
        seed: rng.next_u64(),
    };
    trees.map(group).collect()
}

pub(super) fn fit_group(
    rows: &Rows<'_>,
    params: &RandomForest,
    group: Group,
) -> Result<Library, FitError> {
    // The billionth sees to it that 0.4 of 15 is 6.
    let share = params.column_share * rows.columns.len() as f64 - 1e-9;
    let candidates = (share.ceil() as usize).max(1);
    // The library counts the root as a level.
    let parameters = RandomForestRegressorParameters::default()
        .with_n_trees(group.trees)
        .with_max_depth(params.max_depth + 1)
        .with_min_samples_leaf(params.min_leaf_rows)
        .with_m(candidates)
        .with_seed(group.seed);
    let fitted = match rows.weights {
        None => Library::fit(&rows.matrix, &rows.answers, parameters),
        Some(weights) => {
            Library::fit_with_weights(&rows.matrix, &rows.answers, weights, parameters)
        }
    };
    fitted.map_err(|error| FitError::Library(error.to_string()))
}

#[derive(Deserialize)]
struct Shown {
    forest_regressor: ShownTrees,
}

#[derive(Deserialize)]
struct ShownTrees {
    trees: Vec<JsonTree>,
}

fn trees_of(fitted: &Library, rows: &Rows<'_>) -> Result<Vec<Grown>, FitError> {
    let shown: Shown = shown(fitted)?;
    let trees = shown.forest_regressor.trees.iter();
    Ok(trees.map(|tree| tree.grown(&rows.columns)).collect())
}
