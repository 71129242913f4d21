//! What quality costs: the models that no other one beats in everything.

use serde::Serialize;

use super::budget::Cost;
use super::metric::Metric;
use super::trial::{FoldScore, Point, State, Trial, mean};

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

/// Of the models of all complete trials, cut short or whole, those that no other is at least as
/// good as at no more bytes and no more nanoseconds; smallest first. What was given up has no
/// figures of all folds, and those of some do not compare.
#[must_use]
pub fn frontier(trials: &[Trial], metric: Metric) -> Vec<FrontierPoint> {
    let complete = trials.iter().filter(|t| t.state == State::Complete);
    let mut points: Vec<FrontierPoint> =
        complete.flat_map(|trial| averaged(trial, metric)).collect();
    let loss = |point: &FrontierPoint| metric.loss(point.value);
    // The dearer ones last: each is kept only if it is better than all that cost less.
    points.sort_by(|a, b| {
        let size = a.cost.gzip_bytes.cmp(&b.cost.gzip_bytes);
        size.then(loss(a).total_cmp(&loss(b)))
    });
    let mut kept: Vec<FrontierPoint> = Vec::new();
    for point in points {
        let beaten = |other: &FrontierPoint| {
            loss(other) <= loss(&point) && other.cost.nanoseconds <= point.cost.nanoseconds
        };
        if !kept.iter().any(beaten) {
            kept.push(point);
        }
    }
    kept
}

/// The points that every fold has, and the whole model.
fn averaged(trial: &Trial, metric: Metric) -> Vec<FrontierPoint> {
    let Some((first, others)) = trial.folds.split_first() else {
        return Vec::new();
    };
    let at = |fold: &FoldScore, trees: usize| {
        let found = fold.points.iter().find(|point| point.trees == trees);
        found.copied()
    };
    let everywhere = |trees: &usize| others.iter().all(|fold| at(fold, *trees).is_some());
    let cut = first
        .points
        .iter()
        .map(|point| point.trees)
        .filter(everywhere);
    let cut = cut.map(|trees| {
        trial
            .folds
            .iter()
            .filter_map(|fold| at(fold, trees))
            .collect()
    });
    let whole = trial
        .folds
        .iter()
        .filter_map(|fold| fold.points.last().copied());
    cut.chain([whole.collect::<Vec<Point>>()])
        .filter_map(|points| averaged_point(trial, &points, metric))
        .collect()
}

fn averaged_point(trial: &Trial, points: &[Point], metric: Metric) -> Option<FrontierPoint> {
    let over =
        |value: &dyn Fn(&Point) -> f64| mean(&points.iter().map(value).collect::<Vec<f64>>());
    Some(FrontierPoint {
        trial: trial.number,
        model: trial.params.kind().word(),
        trees: over(&|point| point.trees as f64)?.round() as usize,
        value: over(&|point| metric.figure(&point.metrics))?,
        cost: Cost {
            bytes: over(&|point| point.cost.bytes as f64)? as u64,
            gzip_bytes: over(&|point| point.cost.gzip_bytes as f64)? as u64,
            nanoseconds: over(&|point| point.cost.nanoseconds)?.round(),
        },
    })
}
