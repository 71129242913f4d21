//! Scoring hyperparameters by cross-validation on the training rows.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use model_core::calibration::Calibration;
use model_core::forest::{Aggregation, CompiledForest, Forest, Link, Scratch};
use model_core::model::{Model, Predictor};
use model_core::schema::Schema;

use super::budget::Cost;
use super::search::Objective;
use super::trial::{Candidate, FoldScore, Point};
use crate::calibrate::{self, Method, ready_for_platt};
use crate::dataset::Dataset;
use crate::evaluate::{Draw, Labels, LearningPoint, learning_curve};
use crate::fit::{self, ClassWeight, FitError, Options, Params, Step, Validation};
use crate::metrics::Metrics;
use crate::prepare::{BLOCK_ROWS, PrepareError, Prepared};
use crate::split::Split;

/// The decision threshold of the metrics in a search.
const THRESHOLD: f64 = 0.5;
/// Early stopping: boosting ends after `PATIENCE / learning_rate` trees without an
/// improvement, but after no fewer and no more trees than these.
const PATIENCE: f64 = 4.0;
const PATIENCE_TREES: (f64, f64) = (20.0, 200.0);
/// Numbers of trees at which a boosted model or a forest is measured: the first, and the
/// factor from one to the next.
const FIRST_POINT: f64 = 8.0;
const NEXT_POINT: f64 = 1.5;
/// Trees between two checks of whether boosting can still reach the bound.
const CHECK_EVERY: usize = 100;
/// Factor by which a log loss may exceed the bound: the search may be by another metric.
const MARGIN: f64 = 1.02;
/// How much longer than so far a fit is extrapolated.
const EXTRAPOLATION: f64 = 3.0;
/// Most rows that are timed.
const TIMED_ROWS: usize = 200;

/// One split of the training rows: fitted on one part, measured on the other. Imputation
/// values are learned from the part that is fitted on.
#[derive(Debug, Clone)]
pub struct Fold(Prepared);

/// Stratified k-fold cross-validation on the training rows.
#[derive(Debug)]
pub struct CrossValidation<'a> {
    pub(super) folds: Vec<Fold>,
    pub(super) schema: &'a Schema,
    seed: u64,
    class_weight: ClassWeight,
}

/// What a model of the other folds says of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoldPrediction {
    /// Of the data set.
    pub row: usize,
    /// Of the row, from 0.
    pub fold: usize,
    /// Of the positive outcome.
    pub probability: f64,
}

/// What one fold's model says about the rows that it was not fitted on.
pub(super) struct HeldOut {
    pub(super) rows: Vec<usize>,
    pub(super) answers: Vec<bool>,
    /// How much each counts; none where all count the same.
    pub(super) weights: Option<Vec<f64>>,
    pub(super) log_odds: Vec<f64>,
}

impl Fold {
    /// Applies the schema's policies, with imputation values learned from `split.train`.
    ///
    /// # Errors
    /// Names a column that has nothing to learn from.
    pub fn new(dataset: &Dataset, schema: &Schema, split: Split) -> Result<Self, PrepareError> {
        Prepared::new(dataset.clone(), schema, split).map(Self)
    }

    /// The rows it is fitted and measured on.
    #[must_use]
    pub fn prepared(&self) -> &Prepared {
        &self.0
    }
}

impl<'a> CrossValidation<'a> {
    /// One fold for each split; [`super::stratified_folds`] makes them.
    ///
    /// # Errors
    /// As [`Fold::new`].
    pub fn new(
        dataset: &Dataset,
        schema: &'a Schema,
        splits: Vec<Split>,
        seed: u64,
        class_weight: ClassWeight,
    ) -> Result<Self, PrepareError> {
        let fold = |split| Fold::new(dataset, schema, split);
        Ok(Self {
            folds: splits.into_iter().map(fold).collect::<Result<_, _>>()?,
            schema,
            seed,
            class_weight,
        })
    }

    /// Out-of-fold predictions to fit `calibration` on, fold after fold: each row with its
    /// probability by a model that was fitted on the other folds. Boosting grows exactly the trees
    /// of `params`.
    ///
    /// # Errors
    /// When a fold cannot be fitted.
    pub fn out_of_fold(
        &self,
        params: &Params,
        calibration: Method,
        jobs: usize,
    ) -> Result<Vec<FoldPrediction>, FitError> {
        let mut rows = Vec::new();
        for (fold, Fold(prepared)) in self.folds.iter().enumerate() {
            let options = self.options(jobs);
            let test = &prepared.split.test;
            let model = fit::fit(
                prepared,
                &prepared.split.train,
                self.schema,
                params,
                &options,
            )?;
            let model = match calibration {
                Method::Platt => ready_for_platt(model),
                Method::None | Method::Isotonic => model,
            };
            let probabilities = fit::predict(&model, prepared, test)?;
            let predicted = test.iter().zip(probabilities);
            rows.extend(predicted.map(|(&row, probability)| FoldPrediction {
                row,
                fold,
                probability,
            }));
        }
        Ok(rows)
    }

    /// The learning curve on the first fold: fitted on growing parts of its training rows,
    /// measured on its test rows.
    ///
    /// # Errors
    /// When a part cannot be fitted.
    pub fn learning_curve(
        &self,
        params: &Params,
        jobs: usize,
    ) -> Result<Vec<LearningPoint>, FitError> {
        let Some(Fold(prepared)) = self.folds.first() else {
            return Ok(Vec::new());
        };
        let options = self.options(1);
        let Split { train, test } = &prepared.split;
        let (answers, weights) = (prepared.answers_of(test), prepared.weights_of(test));
        learning_curve(
            &prepared.target,
            train,
            Labels {
                answers: &answers,
                weights: weights.as_deref(),
            },
            Draw {
                seed: self.seed,
                jobs,
            },
            |rows| {
                let model = fit::fit(prepared, rows, self.schema, params, &options)?;
                fit::predict(&model, prepared, test)
            },
        )
    }

    /// A fold's rows, and their log odds by what is fitted on the others.
    pub(super) fn log_odds(&self, params: &Params, fold: usize) -> Result<HeldOut, FitError> {
        let prepared = self.folds[fold].prepared();
        let Split { train, test } = &prepared.split;
        let model = fit::fit(prepared, train, self.schema, params, &self.options(1))?;
        let probabilities = fit::predict(&model, prepared, test)?;
        let log_odds = |p: f64| {
            let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            libm::log(p / (1.0 - p))
        };
        Ok(HeldOut {
            rows: test.clone(),
            answers: prepared.answers_of(test),
            weights: prepared.weights_of(test),
            log_odds: probabilities.into_iter().map(log_odds).collect(),
        })
    }

    pub(super) fn options(&self, jobs: usize) -> Options {
        Options {
            seed: self.seed,
            jobs,
            class_weight: self.class_weight,
        }
    }
}

impl Objective for CrossValidation<'_> {
    fn evaluate(
        &self,
        candidate: &Candidate,
        fold: usize,
        bound: Option<f64>,
        jobs: usize,
    ) -> Result<FoldScore, FitError> {
        let Some(Fold(prepared)) = self.folds.get(fold) else {
            return Ok(FoldScore::default());
        };
        let mut early_stop = EarlyStop::new(bound);
        let validation = Validation {
            rows: &prepared.split.test,
            patience: patience(&candidate.params),
            watch: &mut |step| early_stop.watch(step),
        };
        let fitted = fit::fit_validated(
            prepared,
            &prepared.split.train,
            self.schema,
            &candidate.params,
            &self.options(jobs),
            validation,
        )?;
        let is_average = matches!(
            &fitted.model,
            Model::Forest(forest) if forest.aggregation.is_mean()
        );
        let (model, calibration) = calibrated(&candidate.params, fitted.model, prepared)?;
        let points = points(&model, prepared, &calibration)?;
        Ok(FoldScore { points, is_average })
    }
}

/// Stops a fit that cannot get below a log loss: one that would not get there even if it went
/// on for [`EXTRAPOLATION`] times as many trees as it has, improving as fast as it did lately.
/// (A loss that is above its limit by `c / n` after `n` trees would need as many trees again,
/// one above by `c / √n` twice as many.)
struct EarlyStop {
    bound: Option<f64>,
    earlier: f64,
}

impl EarlyStop {
    fn new(bound: Option<f64>) -> Self {
        let bound = bound.map(|loss| loss * MARGIN);
        Self {
            bound,
            earlier: f64::INFINITY,
        }
    }

    fn watch(&mut self, Step { trees, loss }: Step) -> ControlFlow<()> {
        let Some(bound) = self.bound.filter(|_| trees > 0 && trees % CHECK_EVERY == 0) else {
            return ControlFlow::Continue(());
        };
        let gain = (self.earlier - loss).max(0.0) / CHECK_EVERY as f64;
        self.earlier = loss;
        if loss - EXTRAPOLATION * gain * trees as f64 > bound {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

pub(super) fn patience(params: &Params) -> Option<usize> {
    let Params::GradientBoosting(boosting) = params else {
        return None;
    };
    let (fewest, most) = PATIENCE_TREES;
    Some((PATIENCE / boosting.learning_rate).clamp(fewest, most) as usize)
}

/// A model whose answers are no probabilities is corrected by what is learned from the rows that
/// it was fitted on: its few weights hardly know one of them better than another row.
fn calibrated(
    params: &Params,
    model: Model,
    prepared: &Prepared,
) -> Result<(Model, Calibration), FitError> {
    if params.gives_probabilities() {
        return Ok((model, Calibration::None));
    }
    let model = ready_for_platt(model);
    let rows = &prepared.split.train;
    let answers: Vec<bool> = rows.iter().map(|&row| prepared.target[row]).collect();
    let probabilities = fit::predict(&model, prepared, rows)?;
    let weights = prepared.weights_of(rows);
    let calibration = calibrate::platt(&answers, &probabilities, weights.as_deref());
    Ok((model, calibration))
}

/// The model's metrics on the test rows of `prepared`, with its first trees and with all.
fn points(
    model: &Model,
    prepared: &Prepared,
    calibration: &Calibration,
) -> Result<Vec<Point>, FitError> {
    let test = &prepared.split.test;
    let answers = prepared.answers_of(test);
    let whole = cost(model, prepared)?;
    let weights = prepared.weights_of(test);
    let measured = |probabilities: &[f64]| {
        Metrics::weighted(&answers, probabilities, weights.as_deref(), THRESHOLD)
    };
    let Model::Forest(forest) = model else {
        let raw = fit::predict(model, prepared, test)?;
        let probabilities: Vec<f64> = raw.into_iter().map(|p| calibration.apply(p)).collect();
        return Ok(vec![Point {
            trees: 0,
            metrics: measured(&probabilities),
            cost: whole,
        }]);
    };
    let nodes = |trees: usize| -> f64 {
        let trees = forest.trees.iter().take(trees);
        trees.map(|tree| tree.nodes.len()).sum::<usize>() as f64
    };
    let all = nodes(forest.trees.len()).max(1.0);
    let mut sums = vec![0.0; answers.len()];
    let (mut points, mut before) = (Vec::new(), 0);
    for trees in numbers_of_trees(forest.trees.len()) {
        add(&mut sums, forest, before..trees, prepared)?;
        before = trees;
        points.push(Point {
            trees,
            metrics: measured(&finished(&sums, forest, trees)),
            cost: whole.share(nodes(trees) / all),
        });
    }
    Ok(points)
}

/// Ascending; the last is `all`.
fn numbers_of_trees(all: usize) -> Vec<usize> {
    let next = |trees: &f64| Some(trees * NEXT_POINT);
    std::iter::successors(Some(FIRST_POINT), next)
        .map(|trees| trees.round() as usize)
        .take_while(|trees| *trees < all)
        .chain([all])
        .collect()
}

/// Adds the sums of some of the trees for the test rows.
fn add(
    sums: &mut [f64],
    forest: &Forest,
    trees: std::ops::Range<usize>,
    prepared: &Prepared,
) -> Result<(), FitError> {
    let part = Forest {
        features: forest.features.clone(),
        category_sets: forest.category_sets.clone(),
        trees: forest.trees.get(trees).unwrap_or_default().to_vec(),
        aggregation: Aggregation::GroupedSum,
        base: 0.0,
        link: Link::Identity,
    };
    let compiled =
        CompiledForest::new(&part).map_err(|error| FitError::Library(error.to_string()))?;
    let mut scratch = Scratch::default();
    let blocks = prepared.blocks(&prepared.split.test);
    for (columns, sums) in blocks.zip(sums.chunks_mut(BLOCK_ROWS)) {
        let mut added = vec![0.0; sums.len()];
        compiled.predict_block(&columns, sums.len(), &mut added, &mut scratch);
        for (sum, added) in sums.iter_mut().zip(added) {
            *sum += added;
        }
    }
    Ok(())
}

/// The probabilities by the first `trees` trees.
fn finished(sums: &[f64], forest: &Forest, trees: usize) -> Vec<f64> {
    let aggregate = |sum: f64| forest.aggregation.apply(sum, trees);
    let probability = |sum: &f64| forest.link.apply(forest.base + aggregate(*sum));
    sums.iter()
        .map(probability)
        .map(|p| p.clamp(0.0, 1.0))
        .collect()
}

impl Cost {
    /// The cost of a part of the trees, which is proportional to their nodes.
    fn share(&self, share: f64) -> Self {
        Self {
            bytes: (self.bytes as f64 * share) as u64,
            gzip_bytes: (self.gzip_bytes as f64 * share) as u64,
            nanoseconds: self.nanoseconds * share,
        }
    }
}

pub(super) fn cost(model: &Model, prepared: &Prepared) -> Result<Cost, FitError> {
    let bytes = model.to_bytes();
    let bytes = bytes.map_err(|error| FitError::Library(error.to_string()))?;
    Ok(Cost {
        bytes: bytes.len() as u64,
        gzip_bytes: gzipped(&bytes),
        nanoseconds: nanoseconds(model, prepared)?,
    })
}

/// The gzipped length.
#[must_use]
pub fn gzipped(bytes: &[u8]) -> u64 {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    // Writing to memory cannot fail.
    written.map_or(u64::MAX, |gzip| gzip.len() as u64)
}

/// Nanoseconds to score one of the test rows, the least of three rounds.
fn nanoseconds(model: &Model, prepared: &Prepared) -> Result<f64, FitError> {
    let mut predictor = Predictor::new(model, &Calibration::None).map_err(FitError::Library)?;
    let rows = prepared.split.test.iter().take(TIMED_ROWS);
    let timed: Vec<Vec<f64>> = rows
        .map(|&row| prepared.columns.iter().map(|column| column[row]).collect())
        .collect();
    let mut least = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        for row in &timed {
            std::hint::black_box(predictor.predict_row(row));
        }
        least = least.min(start.elapsed().as_nanos() as f64 / timed.len().max(1) as f64);
    }
    Ok(least)
}
