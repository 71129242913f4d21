//! What a search for the best model looked at; the tuner fills it in.

use serde::{Deserialize, Serialize};

/// How the model was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// What was maximised or minimised, such as `roc_auc`.
    pub metric: String,
    /// Parts of the cross-validation.
    pub folds: usize,
    /// Every trial, in the order they began.
    pub trials: Vec<Trial>,
    /// Models of which none is better in quality, size and speed at once, and the others
    /// that were finished.
    pub frontier: Vec<Candidate>,
}

/// One set of hyperparameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The first is 0.
    pub number: usize,
    /// Such as `gradient_boosting`.
    pub model: String,
    /// The mean over the folds; none where it failed.
    pub score: Option<f64>,
    /// The standard deviation between folds.
    pub deviation: Option<f64>,
    /// `complete`, `pruned` or `failed`.
    pub state: String,
    /// Seconds it took.
    pub seconds: f64,
    /// Hyperparameters by name.
    pub parameters: Vec<(String, String)>,
}

/// A finished model that could be shipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// What to call it.
    pub name: String,
    /// Its score by cross-validation.
    pub score: f64,
    /// Its size, packed and gzipped, in bytes.
    pub bytes: u64,
    /// Nanoseconds a row, on one core of the machine that trained it; none where it was not
    /// measured.
    pub nanoseconds: Option<f64>,
    /// Whether it is the one that was taken.
    pub chosen: bool,
}
