//! How a model was found, as evaluations and reports record it.

use serde::{Deserialize, Serialize};

/// A hyperparameter search.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SearchRecord {
    /// The metric that models were chosen by, such as `roc_auc`.
    pub metric: String,
    /// Folds of the cross-validation.
    pub folds: usize,
    /// Every trial, by number.
    pub trials: Vec<TrialRecord>,
    /// The models that no other one beats in quality, size and speed at once, and the one
    /// that was chosen.
    pub frontier: Vec<FrontierRecord>,
    /// A logistic regression on the same folds; none in records of older versions.
    #[serde(default)]
    pub benchmark: Option<BenchmarkRecord>,
}

/// A logistic regression, measured on every fold, and the other families beside it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BenchmarkRecord {
    /// Its mean metric over the folds; none where there is no benchmark.
    pub score: Option<f64>,
    /// Its standard deviation between folds.
    pub deviation: Option<f64>,
    /// Folds of the comparison.
    pub folds: usize,
    /// The best complete trial of every other family that was searched.
    pub others: Vec<PairedRecord>,
    /// Why there is no benchmark.
    pub reason: Option<String>,
}

/// A trial beside the benchmark, on the same folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairedRecord {
    /// Such as `gradient_boosting`.
    pub model: String,
    /// The trial's number.
    pub trial: usize,
    /// Its mean metric over the folds.
    pub score: f64,
    /// Its standard deviation between folds.
    pub deviation: f64,
    /// The mean of its metric less the benchmark's, fold by fold.
    pub difference: f64,
    /// The standard deviation of those differences.
    pub difference_deviation: f64,
    /// Folds in which it is better.
    pub better_folds: usize,
}

/// One set of hyperparameters that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// The first is 0.
    pub number: usize,
    /// Such as `gradient_boosting`.
    pub model: String,
    /// The mean of the metric over the folds; none where the trial failed.
    pub score: Option<f64>,
    /// Its standard deviation between folds.
    pub deviation: Option<f64>,
    /// `complete`, `pruned` or `failed`.
    pub state: String,
    /// Seconds of fitting and measuring.
    pub seconds: f64,
    /// Hyperparameters by name.
    pub parameters: Vec<(String, String)>,
}

/// A model that could be shipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrontierRecord {
    /// What to call it.
    pub name: String,
    /// Its cross-validated metric.
    pub score: f64,
    /// Its size in gzipped bytes.
    pub bytes: u64,
    /// Nanoseconds to score one row, on one core of the machine that trained it; none where
    /// it was not measured.
    pub nanoseconds: Option<f64>,
    /// Whether it is the chosen model.
    pub chosen: bool,
}
