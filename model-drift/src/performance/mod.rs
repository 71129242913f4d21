//! A model's performance on a batch: measured with labels, or estimated without them.
//!
//! The estimate is confidence-based performance estimation (CBPE; NannyML's documentation): when
//! scores are calibrated, a row with score p is positive with probability p, so each cell of the
//! confusion matrix has an expected count. It is not valid when the drift itself breaks the
//! calibration.

mod bins;
mod sum;

use std::ops::RangeInclusive;

use model_core::decide::reaches;
use serde::Serialize;

use bins::{Bin, Bins};
use sum::Sum;

/// Weights that a row may have. Products and squares of their sums neither overflow nor become 0.
pub const WEIGHTS: RangeInclusive<f64> = 1e-15..=1e15;

/// Rows counted by probability, weight and, where it is known, label. Fixed memory, mergeable: the
/// metrics are those of all rows in any order.
#[derive(Debug, Clone)]
pub struct Scores {
    threshold: f64,
    /// For the area under the ROC curve.
    bins: Bins,
    /// Rows at or above the threshold.
    above: Bin,
    /// The others.
    below: Bin,
    log_loss: Sum,
    brier: Sum,
    rows: u64,
    /// Those at or above the threshold.
    rows_above: u64,
    /// Those that have a weight.
    weighted_rows: u64,
    /// Those of them that have a label.
    labeled_rows: u64,
}

/// Metrics of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures {
    /// Rows that were counted, whatever they weigh.
    pub rows: u64,
    /// Share of correct predictions.
    pub accuracy: f64,
    /// Share of true positives among predicted positives.
    pub precision: f64,
    /// Share of true positives among all positives.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Mean negative logarithm of the label's probability; none for an estimate.
    pub log_loss: Option<f64>,
    /// Mean squared error of the score; none for an estimate.
    pub brier: Option<f64>,
}

/// The model's performance on the current batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Performance {
    /// Measured with the labels of the current batch.
    pub measured: Option<Figures>,
    /// Estimated from the scores alone.
    pub estimated: Option<Figures>,
    /// Metrics on the test rows at training, by name; empty where those are weighted and the
    /// current batch has no weights.
    pub at_training: Vec<(String, f64)>,
    /// Whether each row counts with its weight in the metrics.
    pub weighted: bool,
    /// Share of predicted positives among the rows of the current batch, whatever they weigh.
    pub share_yes: f64,
    /// Rows that the model refused.
    pub refused: u64,
}

impl Scores {
    /// Nothing counted; a score of `threshold` or more predicts the positive class.
    #[must_use]
    pub fn new(threshold: f64) -> Self {
        Self {
            threshold,
            bins: Bins::default(),
            above: Bin::default(),
            below: Bin::default(),
            log_loss: Sum::default(),
            brier: Sum::default(),
            rows: 0,
            rows_above: 0,
            weighted_rows: 0,
            labeled_rows: 0,
        }
    }

    /// Counts a row; a probability outside 0 to 1 is not counted. A weight is one of [`WEIGHTS`]; a row
    /// without one is among the predictions alone.
    pub fn push(&mut self, probability: f64, label: Option<bool>, weight: Option<f64>) {
        if !(0.0..=1.0).contains(&probability) {
            return;
        }
        let is_above = reaches(probability, self.threshold);
        self.rows += 1;
        self.rows_above += u64::from(is_above);
        let Some(weight) = weight else { return };
        let row = Bin::row(probability, label, weight);
        self.bins.add(probability, &row);
        if is_above {
            self.above.add(&row);
        } else {
            self.below.add(&row);
        }
        self.weighted_rows += 1;
        if let Some(label) = label {
            let of_truth = if label {
                probability
            } else {
                1.0 - probability
            };
            self.labeled_rows += 1;
            // Clipped as scikit-learn does.
            let loss = -of_truth.max(f64::EPSILON).ln();
            self.log_loss.add(weight * loss);
            self.brier.add(weight * (1.0 - of_truth).powi(2));
        }
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.bins.merge(&other.bins);
        self.above.add(&other.above);
        self.below.add(&other.below);
        self.log_loss.merge(other.log_loss);
        self.brier.merge(other.brier);
        self.rows += other.rows;
        self.rows_above += other.rows_above;
        self.weighted_rows += other.weighted_rows;
        self.labeled_rows += other.labeled_rows;
    }

    /// Share of predicted positives, of rows whatever they weigh.
    #[must_use]
    pub fn share_yes(&self) -> f64 {
        self.rows_above as f64 / self.rows.max(1) as f64
    }

    /// Rows counted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows without a weight.
    #[must_use]
    pub fn without_weight(&self) -> u64 {
        self.rows - self.weighted_rows
    }

    /// The metrics by the labels; `None` without labels of both classes.
    #[must_use]
    pub fn measured(&self) -> Option<Figures> {
        let [true_yes, false_yes] = self.above.labeled();
        let [false_no, true_no] = self.below.labeled();
        let all = true_yes + false_yes + false_no + true_no;
        if true_yes + false_no == 0.0 || false_yes + true_no == 0.0 {
            return None;
        }
        Some(Figures {
            rows: self.labeled_rows,
            log_loss: Some(self.log_loss.total() / all),
            brier: Some(self.brier.total() / all),
            ..figures(
                [true_yes, false_yes, false_no, true_no],
                self.bins.area(Bin::labeled),
            )
        })
    }

    /// The metrics expected of calibrated scores; `None` without rows.
    #[must_use]
    pub fn estimated(&self) -> Option<Figures> {
        if self.weighted_rows == 0 {
            return None;
        }
        let [true_yes, false_yes] = self.above.expected();
        let [false_no, true_no] = self.below.expected();
        Some(Figures {
            rows: self.weighted_rows,
            ..figures(
                [true_yes, false_yes, false_no, true_no],
                self.bins.area(Bin::expected),
            )
        })
    }
}

fn figures([true_yes, false_yes, false_no, true_no]: [f64; 4], auc: f64) -> Figures {
    let all = true_yes + false_yes + false_no + true_no;
    let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    Figures {
        rows: 0,
        accuracy: ratio(true_yes + true_no, all),
        precision: ratio(true_yes, true_yes + false_yes),
        recall: ratio(true_yes, true_yes + false_no),
        f1: ratio(2.0 * true_yes, 2.0 * true_yes + false_yes + false_no),
        auc: if auc.is_finite() { auc } else { 0.5 },
        log_loss: None,
        brier: None,
    }
}
