//! What quality costs: the models that no other one beats in everything.

use serde::Serialize;

use super::budget::Cost;
use super::metric::Metric;
use super::trial::{State, Trial, mean};

/// A model on the frontier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrontierPoint {
    /// The trial that it comes from.
    pub trial: usize,
    /// The model's word.
    pub model: &'static str,
    /// Its trees; 0 in a linear model.
    pub trees: usize,
    /// The metric of the search, the mean over the folds.
    pub value: f64,
    /// The mean over the folds.
    pub cost: Cost,
}

/// Of all models of complete trials, cut short or whole, those that no other is at least as
/// good as at no more bytes and no more nanoseconds; smallest first.
#[must_use]
pub fn frontier(trials: &[Trial], metric: Metric) -> Vec<FrontierPoint> {
    let complete = trials.iter().filter(|t| t.state == State::Complete);
    let mut points: Vec<FrontierPoint> = complete.flat_map(|t| averaged(t, metric)).collect();
    // The dearer ones first: each is kept only if it is better than all that cost less.
    points.sort_by(|a, b| {
        let loss = |p: &FrontierPoint| metric.loss(p.value);
        (a.cost.gzip_bytes.cmp(&b.cost.gzip_bytes)).then(loss(a).total_cmp(&loss(b)))
    });
    let mut kept: Vec<FrontierPoint> = Vec::new();
    for point in points {
        let beaten = |other: &FrontierPoint| {
            metric.loss(other.value) <= metric.loss(point.value)
                && other.cost.nanoseconds <= point.cost.nanoseconds
        };
        if !kept.iter().any(beaten) {
            kept.push(point);
        }
    }
    kept
}

/// The points that every fold has, and the whole models.
fn averaged(trial: &Trial, metric: Metric) -> Vec<FrontierPoint> {
    let Some((first, others)) = trial.folds.split_first() else {
        return Vec::new();
    };
    let numbers: Vec<usize> = first
        .points
        .iter()
        .map(|point| point.trees)
        .filter(|trees| {
            others
                .iter()
                .all(|fold| fold.points.iter().any(|point| point.trees == *trees))
        })
        .collect();
    let at = |trees: Option<usize>| {
        let points = trial.folds.iter().filter_map(|fold| match trees {
            Some(trees) => fold.points.iter().find(|point| point.trees == trees),
            None => fold.points.last(),
        });
        let points: Vec<_> = points.collect();
        let over = |value: &dyn Fn(&super::trial::Point) -> f64| {
            mean(&points.iter().map(|point| value(point)).collect::<Vec<f64>>()).unwrap_or(0.0)
        };
        FrontierPoint {
            trial: trial.number,
            model: trial.params.kind().word(),
            trees: over(&|point| point.trees as f64).round() as usize,
            value: over(&|point| metric.of(&point.metrics)),
            cost: Cost {
                bytes: over(&|point| point.cost.bytes as f64) as u64,
                gzip_bytes: over(&|point| point.cost.gzip_bytes as f64) as u64,
                nanoseconds: over(&|point| point.cost.nanoseconds).round(),
            },
        }
    };
    let cut = numbers.into_iter().map(|trees| at(Some(trees)));
    cut.chain([at(None)]).collect()
}
