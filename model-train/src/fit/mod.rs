//! Fitting models and exporting them into our own structures.
//!
//! [`fit`] fits any model on any of the rows; [`fit_validated`] also measures it on others,
//! tree by tree where there are trees, and can stop on the way. `smartcore` fits the linear
//! models, single trees and random forests, [`crate::booster`] grows the boosted trees. What comes
//! out is a [`Model`] of `model-core`: the library is not needed to predict.

mod boosting;
mod class_weight;
mod columns;
mod decision_tree;
mod ensemble;
mod export;
mod linear;
mod logistic;
mod newton;
mod params;
mod random_forest;
mod ridge;
mod smartcore_tree;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use model_core::calibration::Calibration;
use model_core::model::{Model, ModelKind, Predictor};
use model_core::schema::{Feature, Missing, Monotonic, Schema};

pub use class_weight::ClassWeight;
pub use columns::{Column, columns};
pub use params::{
    BoostingAndLinear, DecisionTree, GradientBoosting, LogisticRegression, ParamError, Params,
    RandomForest, Ridge,
};

pub(crate) use params::{LARGE, MOST_TREES, SMALL};

use crate::monotonic::{self, Violation};
use crate::prepare::{BLOCK_ROWS, Prepared};

/// How to fit, besides the hyperparameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Random seed.
    pub seed: u64,
    /// Threads, at least 1. The model does not depend on them.
    pub jobs: usize,
    /// How much a row of each class counts.
    pub class_weight: ClassWeight,
}

/// Numbers that a model other than boosted trees may be fitted on, rows times columns: 320 MB
/// of them.
pub const MAX_CELLS: usize = 40_000_000;

/// Why a model could not be fitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The schema has no feature that the model may see.
    #[error("the schema has no feature with role \"input\", expected at least one")]
    NoInputs,
    /// A hyperparameter outside its range.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// A class weight that is out of range.
    #[error("class weights must be from 1e-6 to 1e6, got {negative:?} and {positive:?}")]
    ClassWeight {
        /// Weight of a negative row.
        negative: f64,
        /// Weight of a positive row.
        positive: f64,
    },
    /// Only one class.
    #[error("the {rows} rows to fit on contain only one class: expected at least one row of each")]
    OneClass {
        /// How many rows there are.
        rows: usize,
    },
    /// Fewer rows than columns.
    #[error(
        "{rows} rows are too few to fit {columns} columns: expected more rows than columns; use fewer features or categories"
    )]
    TooFewRows {
        /// Rows to fit on.
        rows: usize,
        /// Columns after one-hot encoding.
        columns: usize,
    },
    /// A model that cannot take missing values.
    #[error(
        "feature '{feature}': missing = \"native\" needs gradient_boosting, logistic_regression or ridge, a {model} cannot take a missing value: choose another policy or leave this model out"
    )]
    MissingNotSupported {
        /// The feature's name.
        feature: String,
        /// The model's word.
        model: &'static str,
    },
    /// A model that cannot be made monotonic.
    #[error(
        "feature '{feature}': a {model} cannot be made monotonic: use gradient_boosting, logistic_regression or ridge, or leave this model out"
    )]
    MonotonicNotSupported {
        /// The feature's name.
        feature: String,
        /// The model's word.
        model: &'static str,
    },
    /// The finished model does not follow a feature as the schema demands.
    #[error("a fitted model failed its proof: {0}")]
    NotMonotonic(#[from] Violation),
    /// A matrix that would fill the memory.
    #[error(
        "{rows} rows of {columns} columns are too many numbers to fit on (at most {MAX_CELLS}): feature '{feature}' alone has {categories} categories; merge the rare ones, order them (encoding = \"ordinal\"), or give it role = \"ignored\""
    )]
    TooManyColumns {
        /// Rows to fit on.
        rows: usize,
        /// Columns after one-hot encoding.
        columns: usize,
        /// The feature with the most categories.
        feature: String,
        /// How many that is.
        categories: usize,
    },
    /// Numbers beyond what can be squared and summed.
    #[error(
        "feature '{feature}': the values are too large to scale: give the feature a range, or use a random forest"
    )]
    TooLarge {
        /// The feature's name.
        feature: String,
    },
    /// The library gave up.
    #[error("fitting failed: {0}")]
    Library(String),
}

/// Fits a model on some rows of `prepared`: the same rows, schema, parameters, seed and
/// class weight give the same model on any number of threads.
///
/// # Errors
/// When a parameter is outside its range, the rows have nothing to learn from, or the
/// library gives up.
pub fn fit(
    prepared: &Prepared,
    rows: &[usize],
    schema: &Schema,
    params: &Params,
    options: &Options,
) -> Result<Model, FitError> {
    let data = TrainingRows::new(prepared, rows, schema, options)?;
    fit_data(&data, params, None).map(|fitted| fitted.model)
}

/// What to measure a model on while it is fitted.
pub struct Validation<'a> {
    /// Rows that are not fitted on.
    pub rows: &'a [usize],
    /// Stop when the loss has not fallen for so many trees, and keep the trees up to the
    /// best; `None` keeps all.
    pub patience: Option<usize>,
    /// Told the loss after every tree (once, for a model that is not fitted tree by tree);
    /// `Break` stops there.
    pub watch: &'a mut (dyn FnMut(Step) -> ControlFlow<()> + Send),
}

/// One step of fitting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Trees so far; 0 for a model that is not fitted tree by tree.
    pub trees: usize,
    /// The weighted mean log loss on the validation rows, class weights applied.
    pub loss: f64,
}

/// A model that was measured while it was fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The model.
    pub model: Model,
    /// The loss after each step, as [`Step::loss`], the steps after the best included.
    pub losses: Vec<f64>,
    /// Trees of a boosted model.
    pub trees: Option<usize>,
    /// Whether the watcher stopped it.
    pub stopped: bool,
}

/// The same as [`fit`], measured on other rows on the way.
///
/// # Errors
/// As [`fit`].
pub fn fit_validated(
    prepared: &Prepared,
    rows: &[usize],
    schema: &Schema,
    params: &Params,
    options: &Options,
    validation: Validation<'_>,
) -> Result<Validated, FitError> {
    let data = TrainingRows::new(prepared, rows, schema, options)?;
    fit_data(&data, params, Some(validation))
}

fn fit_data(
    data: &TrainingRows<'_>,
    params: &Params,
    validation: Option<Validation<'_>>,
) -> Result<Validated, FitError> {
    params.check()?;
    check_abilities(data.schema, params.kind())?;
    // The trainer of boosted trees has no matrix: it keeps a byte or two of a cell.
    let cells = data.rows.len().saturating_mul(data.columns.len());
    if params.kind() != ModelKind::GradientBoosting && cells > MAX_CELLS {
        return Err(too_many_columns(
            data.schema,
            data.rows.len(),
            data.columns.len(),
        ));
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(data.options.jobs.max(1))
        .build()
        .map_err(|error| FitError::Library(error.to_string()))?;
    let validated = pool.install(|| {
        let model = match params {
            Params::Ridge(params) => {
                Model::Linear(linear::signed(data, |data| ridge::fit(data, params))?)
            }
            Params::LogisticRegression(params) => {
                Model::Linear(linear::signed(data, |data| logistic::fit(data, params))?)
            }
            Params::DecisionTree(params) => Model::Forest(decision_tree::fit(data, params)?),
            Params::RandomForest(params) => Model::Forest(random_forest::fit(data, params)?),
            Params::GradientBoosting(params) => return boosting::fit(data, params, validation),
            Params::BoostingAndLinear(params) => ensemble::fit(data, params)?,
        };
        measured(data, model, validation)
    })?;
    monotonic::prove(&validated.model, data.schema)?;
    Ok(validated)
}

/// Whether a model can do what a schema asks for: missing values, monotonic features.
///
/// # Errors
/// Names the feature and what cannot be done.
pub fn check_abilities(schema: &Schema, kind: ModelKind) -> Result<(), FitError> {
    let model = kind.word();
    for input in schema.inputs() {
        let feature = || input.name.clone();
        let free = matches!(kind, ModelKind::DecisionTree | ModelKind::RandomForest);
        if input.missing == Missing::Native && free {
            let feature = feature();
            return Err(FitError::MissingNotSupported { feature, model });
        }
        if input.monotonic.is_some() && free {
            let feature = feature();
            return Err(FitError::MonotonicNotSupported { feature, model });
        }
    }
    Ok(())
}

/// For a model that was fitted in one step.
fn measured(
    data: &TrainingRows<'_>,
    model: Model,
    validation: Option<Validation<'_>>,
) -> Result<Validated, FitError> {
    let (mut losses, mut stopped) = (Vec::new(), false);
    if let Some(validation) = validation {
        let probabilities = predict(&model, data.prepared, validation.rows)?;
        let answers = validation.rows.iter().map(|&row| data.prepared.target[row]);
        let loss = data.log_loss(validation.rows, answers.zip(probabilities));
        losses.push(loss);
        stopped = (validation.watch)(Step { trees: 0, loss }).is_break();
    }
    Ok(Validated {
        model,
        losses,
        trees: None,
        stopped,
    })
}

/// The exported model's probabilities for some rows, as the artifact will give them before
/// calibration.
///
/// # Errors
/// When the model is not sound.
pub fn predict(model: &Model, prepared: &Prepared, rows: &[usize]) -> Result<Vec<f64>, FitError> {
    let predictor = Predictor::new(model, &Calibration::None).map_err(FitError::Library)?;
    Ok(predict_with(predictor, prepared, rows))
}

/// The probabilities of some rows by a predictor.
pub(crate) fn predict_with(
    mut predictor: Predictor,
    prepared: &Prepared,
    rows: &[usize],
) -> Vec<f64> {
    let mut probabilities = vec![0.0; rows.len()];
    let blocks = probabilities.chunks_mut(BLOCK_ROWS);
    for (columns, probabilities) in prepared.blocks(rows).zip(blocks) {
        predictor.predict_block(&columns, probabilities.len(), probabilities);
    }
    probabilities
}

/// What every model is fitted on.
#[derive(Clone)]
struct TrainingRows<'a> {
    prepared: &'a Prepared,
    schema: &'a Schema,
    options: Options,
    /// Numbers of the rows.
    rows: &'a [usize],
    /// Of those rows.
    answers: Vec<bool>,
    /// Of those rows; `None` where all count the same.
    weights: Option<Vec<f64>>,
    /// Weights of a no and of a yes.
    class_weights: [f64; 2],
    columns: Vec<Column>,
}

impl<'a> TrainingRows<'a> {
    fn new(
        prepared: &'a Prepared,
        rows: &'a [usize],
        schema: &'a Schema,
        options: &Options,
    ) -> Result<Self, FitError> {
        let answers: Vec<bool> = rows.iter().map(|&row| prepared.target[row]).collect();
        if !answers.contains(&true) || !answers.contains(&false) {
            return Err(FitError::OneClass { rows: rows.len() });
        }
        let class_weights = options.class_weight.weights(&answers);
        if !options.class_weight.is_sound() {
            let [negative, positive] = class_weights;
            return Err(FitError::ClassWeight { negative, positive });
        }
        let columns = columns(schema);
        if columns.is_empty() {
            return Err(FitError::NoInputs);
        }
        let of_classes = options.class_weight.of_rows(&answers);
        let weights = match (prepared.weights_of(rows), of_classes) {
            (Some(mut of_rows), of_classes) => {
                let of_classes = of_classes.into_iter().flatten();
                (of_rows.iter_mut().zip(of_classes)).for_each(|(row, class)| *row *= class);
                Some(of_rows)
            }
            (None, of_classes) => of_classes,
        };
        Ok(Self {
            weights,
            class_weights,
            prepared,
            schema,
            options: *options,
            rows,
            answers,
            columns,
        })
    }

    /// The encoded columns of the rows to fit on.
    fn encoded(&self) -> Vec<Vec<f64>> {
        columns::encoded(self.prepared, &self.columns, self.rows)
    }

    /// How the probability must follow a column.
    fn monotonic(&self, column: &Column) -> Option<Monotonic> {
        let mut inputs = self.schema.inputs();
        inputs.nth(column.feature).and_then(|input| input.monotonic)
    }

    /// 0 and 1.
    fn answers_as_numbers(&self) -> Vec<f64> {
        self.answers.iter().map(|&yes| f64::from(yes)).collect()
    }

    /// The weighted mean over some rows, whose answers and probabilities come in their order.
    fn log_loss(&self, rows: &[usize], answers: impl Iterator<Item = (bool, f64)>) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (row, (yes, p)) in rows.iter().zip(answers) {
            let of_row = (self.prepared.weights.as_ref()).map_or(1.0, |weights| weights[*row]);
            let weight = of_row * self.class_weights[usize::from(yes)];
            let p = if yes { p } else { 1.0 - p };
            sum -= weight * p.clamp(f64::EPSILON, 1.0).ln();
            weights += weight;
        }
        sum / weights
    }
}

fn too_many_columns(schema: &Schema, rows: usize, columns: usize) -> FitError {
    let categories = |feature: &Feature| feature.categories().map_or(0, |c| c.values.len());
    let largest = schema.inputs().max_by_key(|feature| categories(feature));
    FitError::TooManyColumns {
        rows,
        columns,
        feature: largest.map_or_else(String::new, |feature| feature.name.clone()),
        categories: largest.map_or(0, categories),
    }
}

/// The words of the models, in the order in which they are tried and shown.
pub const KINDS: [ModelKind; 5] = [
    ModelKind::Ridge,
    ModelKind::LogisticRegression,
    ModelKind::DecisionTree,
    ModelKind::RandomForest,
    ModelKind::GradientBoosting,
];
