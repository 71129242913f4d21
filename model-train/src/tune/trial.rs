//! What was tried and what came of it.

use serde::{Deserialize, Serialize};

use super::budget::{Budget, Cost};
use super::metric::Metric;
use crate::fit::Params;
use crate::metrics::Metrics;

/// What a trial tries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// From 0.
    pub number: usize,
    /// The model and all of its hyperparameters.
    pub params: Params,
}

/// A trial that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// From 0.
    pub number: usize,
    /// What was tried.
    pub params: Params,
    /// How it ended.
    pub state: State,
    /// What came of each fold that was computed, in the order of the folds.
    pub folds: Vec<FoldScore>,
    /// Seconds that its folds took, one after the other.
    #[serde(default)]
    pub seconds: f64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Every fold was computed.
    Complete,
    /// It was given up as hopeless.
    Pruned,
    /// It could not be fitted.
    Failed,
}

impl State {
    /// Its word: `complete`, `pruned` or `failed`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Pruned => "pruned",
            Self::Failed => "failed",
        }
    }
}

/// What came of one fold: the model as it was after so many trees, for several numbers of
/// trees where it can be cut short, else once. Never empty; the last is the whole model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FoldScore {
    /// Fewest trees first.
    pub points: Vec<Point>,
    /// Whether the trees are averaged: then more of them are better but for noise, and the most
    /// that the budget allows are the best (Breiman, "Random forests", Machine Learning 45,
    /// 2001, theorem 1.2).
    #[serde(default)]
    pub is_average: bool,
}

/// A model, or its first trees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its trees; none in a linear model.
    pub trees: usize,
    /// Its figures on the rows of the fold.
    pub metrics: Metrics,
    /// What it costs to keep and to ask.
    pub cost: Cost,
}

impl FoldScore {
    /// The best point within the budget; where none is, the cheapest. By a metric of ranks or of
    /// decisions the best number of trees of one fold is chance, so the log loss says it.
    #[must_use]
    pub fn best(&self, metric: Metric, budget: &Budget) -> Option<&Point> {
        let metric = if metric.is_blind_to_scale() {
            Metric::LogLoss
        } else {
            metric
        };
        let loss = |point: &&Point| metric.loss(metric.figure(&point.metrics));
        let points = self.points.iter();
        let allowed = points.filter(|point| budget.allows(&point.cost));
        let best = if self.is_average {
            allowed.max_by_key(|point| point.trees)
        } else {
            allowed.min_by(|a, b| loss(a).total_cmp(&loss(b)))
        };
        best.or(self.points.first())
    }

    /// How bad it is: the metric, less being better, and beyond every metric where nothing
    /// is within the budget.
    pub(super) fn loss(&self, metric: Metric, budget: &Budget) -> f64 {
        let Some(point) = self.best(metric, budget) else {
            return f64::MAX;
        };
        metric.loss(metric.figure(&point.metrics)) + budget.excess(&point.cost)
    }
}

impl Trial {
    /// The mean of the metric over the folds that were computed, at each fold's best point.
    #[must_use]
    pub fn value(&self, metric: Metric, budget: &Budget) -> Option<f64> {
        mean(&self.figures(metric, budget, |point| metric.figure(&point.metrics)))
    }

    /// A figure of each fold that was computed, at its best point.
    #[must_use]
    pub fn figures(
        &self,
        metric: Metric,
        budget: &Budget,
        figure: impl Fn(&Point) -> f64,
    ) -> Vec<f64> {
        let best = self
            .folds
            .iter()
            .filter_map(|fold| fold.best(metric, budget));
        best.map(figure).collect()
    }

    /// How many trees the whole training rows deserve: the mean of the folds.
    #[must_use]
    pub fn trees(&self, metric: Metric, budget: &Budget) -> Option<usize> {
        let mean = mean(&self.figures(metric, budget, |point| point.trees as f64))?;
        Some(mean.round() as usize)
    }

    /// Whether it is within the budget in every fold.
    #[must_use]
    pub fn fits(&self, metric: Metric, budget: &Budget) -> bool {
        let within = |fold: &FoldScore| {
            fold.best(metric, budget)
                .is_some_and(|point| budget.allows(&point.cost))
        };
        self.folds.iter().all(within)
    }

    /// Mean loss over the first `folds` folds, if there are as many.
    pub(super) fn loss(&self, folds: usize, metric: Metric, budget: &Budget) -> Option<f64> {
        let first = self.folds.get(..folds)?;
        let losses: Vec<f64> = first.iter().map(|fold| fold.loss(metric, budget)).collect();
        mean(&losses)
    }
}

/// The mean log loss of answers and log odds, weighted where there are weights; 0 of no rows.
pub(super) fn mean_log_loss(
    rows: impl Iterator<Item = (bool, f64)>,
    weights: Option<&[f64]>,
) -> f64 {
    let (mut sum, mut all) = (0.0, 0.0);
    for (row, (answer, log_odds)) in rows.enumerate() {
        let weight = weights.map_or(1.0, |weights| weights[row]);
        let margin = if answer { -log_odds } else { log_odds };
        // ln(1 + exp(margin)), without overflow.
        sum += weight * (margin.max(0.0) + (-margin.abs()).exp().ln_1p());
        all += weight;
    }
    if all > 0.0 { sum / all } else { 0.0 }
}

/// The mean of the differences of two lists, fold by fold, and its standard error; none with
/// fewer than two folds.
pub(super) fn paired(ours: &[f64], theirs: &[f64]) -> Option<(f64, f64)> {
    let pairs = ours.iter().zip(theirs);
    let differences: Vec<f64> = pairs.map(|(ours, theirs)| ours - theirs).collect();
    let count = differences.len() as f64;
    let mean = mean(&differences).filter(|_| count > 1.0)?;
    let squares: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
    Some((mean, (squares / (count - 1.0) / count).sqrt()))
}

pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
