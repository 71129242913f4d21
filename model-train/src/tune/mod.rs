//! The search for good hyperparameters: TPE over each model's space, judged by stratified
//! cross-validation on the training rows; the test rows are not used.
//!
//! The search runs in generations of [`GENERATION`] trials, after a first one. What a trial tries
//! follows from the seed, its number and the generations before it, never from what runs
//! beside it, so that the number of threads changes the time and nothing else.
//!
//! A trial is evaluated on one fold, then a second, then the rest (the rungs of successive
//! halving). After each rung it continues only if it is among the best third of the trials of
//! earlier generations that got as far
//! (asynchronous successive halving over folds: Li et al., "A System for Massively Parallel
//! Hyperparameter Tuning", MLSys 2020, with η = 3). Trials are compared fold by fold, so
//! that an easy fold favours no trial.

mod blend;
mod budget;
mod choose;
mod cross_validation;
mod deal;
mod early_stopping;
mod folds;
mod frontier;
mod metric;
mod ratios;
mod sampler;
mod search;
mod space;
mod trial;

pub use budget::{Budget, Cost};
pub use choose::{best, chosen, leader, nearest, within_budget};
pub use cross_validation::{CrossValidation, Fold, FoldPrediction, gzipped};
pub use deal::{Dealt, FoldError, FoldsBy};
pub use folds::{repeated_folds, repeats, stratified_folds};
pub use frontier::{FrontierPoint, frontier};
pub use metric::Metric;
pub use ratios::{Ratio, RatioError, RatioSearch};
pub use search::{Control, Event, GENERATION, Objective, Settings, TuneError, search};
pub use space::{Dimension, RangeError, Scale, Space};
pub use trial::{Candidate, FoldScore, Point, State, Trial};
