//! Figures of the folds: how much a figure depends on which rows are held out.

use serde::Serialize;

use crate::metrics::Metrics;
use crate::predictions::Prediction;
use crate::tune::{FoldPrediction, FoldsBy};

/// What the folds say of the chosen hyperparameters: each fold is measured by a model of the
/// other folds (by time: of those before), with the calibration and the threshold of the finished
/// model. Both were chosen on these very predictions, which flatters accuracy and F1 a little.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CrossValidated {
    /// How many folds.
    pub folds: usize,
    /// How they were dealt.
    pub by: FoldsBy,
    /// The mean of each metric over the folds.
    pub mean: Metrics,
    /// The standard deviation between the folds, with `n - 1`; it is that of one fold's figure,
    /// not of the mean.
    pub deviation: Metrics,
    /// Each row with its probability, fold after fold.
    #[serde(skip)]
    pub predictions: Vec<Prediction>,
}

/// The metrics of one fold after the other; a fold whose rows have one outcome is left out.
pub(super) fn fold_metrics(
    rows: &[FoldPrediction],
    target: &[bool],
    weights: Option<&[f64]>,
    threshold: f64,
) -> Vec<Metrics> {
    let folds = rows.chunk_by(|a, b| a.fold == b.fold);
    let mut metrics = Vec::new();
    let mut before = 0;
    for fold in folds {
        let answers: Vec<bool> = fold.iter().map(|row| target[row.row]).collect();
        let probabilities: Vec<f64> = fold.iter().map(|row| row.probability).collect();
        let weights = weights.map(|weights| &weights[before..before + fold.len()]);
        before += fold.len();
        if answers.contains(&true) && answers.contains(&false) {
            metrics.push(Metrics::weighted(
                &answers,
                &probabilities,
                weights,
                threshold,
            ));
        }
    }
    metrics
}

/// Mean and deviation of each metric; `None` with fewer than two folds.
pub(super) fn mean_and_deviation(folds: &[Metrics]) -> Option<(Metrics, Metrics)> {
    if folds.len() < 2 {
        return None;
    }
    let count = folds.len() as f64;
    let mean = |figures: &[f64]| figures.iter().sum::<f64>() / count;
    let deviation = |figures: &[f64]| {
        let mean = mean(figures);
        let squares = figures.iter().map(|figure| (figure - mean).powi(2));
        (squares.sum::<f64>() / (count - 1.0)).sqrt()
    };
    Some((summary(folds, &mean), summary(folds, &deviation)))
}

/// Each metric of the folds, made one number.
fn summary(folds: &[Metrics], of: &dyn Fn(&[f64]) -> f64) -> Metrics {
    let one = |figure: fn(&Metrics) -> f64| of(&folds.iter().map(figure).collect::<Vec<f64>>());
    Metrics {
        accuracy: one(|metrics| metrics.accuracy),
        f1_weighted: one(|metrics| metrics.f1_weighted),
        roc_auc: one(|metrics| metrics.roc_auc),
        log_loss: one(|metrics| metrics.log_loss),
        brier: one(|metrics| metrics.brier),
    }
}
