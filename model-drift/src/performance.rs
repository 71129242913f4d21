//! A model's performance on a batch: measured with labels, or estimated without them.
//!
//! The estimate is confidence-based performance estimation (CBPE; NannyML's documentation): when
//! scores are calibrated, a row with score p is positive with probability p, so each cell of the
//! confusion matrix has an expected count. It is not valid when the drift itself breaks the
//! calibration.

use model_core::decide::reaches;
use serde::Serialize;

/// Bins of the score.
const BINS: usize = 1000;

/// Rows counted by probability and, where it is known, label. Fixed memory, mergeable.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    threshold: f64,
    /// For each bin: rows, sum of probabilities, rows with a label, positive rows.
    bins: Vec<[f64; 4]>,
    /// Rows at or above the threshold: `[labelled positive, labelled negative, all, Σp]`.
    above: [f64; 4],
    /// The others.
    below: [f64; 4],
    log_loss: f64,
    brier: f64,
}

/// Metrics of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures {
    /// Rows that were counted.
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
    /// Metrics on the test rows at training, by name.
    pub at_training: Vec<(String, f64)>,
    /// Share of predicted positives in the current batch.
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
            bins: vec![[0.0; 4]; BINS],
            above: [0.0; 4],
            below: [0.0; 4],
            log_loss: 0.0,
            brier: 0.0,
        }
    }

    /// Counts a row; a probability outside 0 to 1 is not counted.
    pub fn push(&mut self, probability: f64, label: Option<bool>) {
        if !(0.0..=1.0).contains(&probability) {
            return;
        }
        let bin = &mut self.bins[((probability * BINS as f64) as usize).min(BINS - 1)];
        let side = if reaches(probability, self.threshold) {
            &mut self.above
        } else {
            &mut self.below
        };
        bin[0] += 1.0;
        bin[1] += probability;
        side[2] += 1.0;
        side[3] += probability;
        if let Some(label) = label {
            let of_truth = if label {
                probability
            } else {
                1.0 - probability
            };
            bin[2] += 1.0;
            bin[3] += f64::from(u8::from(label));
            side[usize::from(!label)] += 1.0;
            self.log_loss -= of_truth.max(1e-15).ln();
            self.brier += (1.0 - of_truth).powi(2);
        }
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        let add = |mine: &mut [f64; 4], theirs: &[f64; 4]| {
            mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        };
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            add(mine, theirs);
        }
        add(&mut self.above, &other.above);
        add(&mut self.below, &other.below);
        self.log_loss += other.log_loss;
        self.brier += other.brier;
    }

    /// Share of predicted positives.
    #[must_use]
    pub fn share_yes(&self) -> f64 {
        self.above[2] / (self.above[2] + self.below[2]).max(1.0)
    }

    /// Rows counted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        (self.above[2] + self.below[2]) as u64
    }

    /// The metrics by the labels; `None` without labels of both classes.
    #[must_use]
    pub fn measured(&self) -> Option<Figures> {
        let [true_yes, false_yes, ..] = self.above;
        let [false_no, true_no, ..] = self.below;
        let rows = true_yes + false_yes + false_no + true_no;
        if true_yes + false_no == 0.0 || false_yes + true_no == 0.0 {
            return None;
        }
        let positive_in = |bin: &[f64; 4]| (bin[3], bin[2] - bin[3]);
        Some(Figures {
            log_loss: Some(self.log_loss / rows),
            brier: Some(self.brier / rows),
            ..figures(
                [true_yes, false_yes, false_no, true_no],
                self.area(positive_in),
            )
        })
    }

    /// The metrics expected of calibrated scores; `None` without rows.
    #[must_use]
    pub fn estimated(&self) -> Option<Figures> {
        let [.., above, above_p] = self.above;
        let [.., below, below_p] = self.below;
        if above + below == 0.0 {
            return None;
        }
        let expected_in = |bin: &[f64; 4]| (bin[1], bin[0] - bin[1]);
        Some(figures(
            [above_p, above - above_p, below_p, below - below_p],
            self.area(expected_in),
        ))
    }

    /// The area under the ROC curve, ties within a bin counted as half.
    fn area(&self, classes: impl Fn(&[f64; 4]) -> (f64, f64)) -> f64 {
        let (mut negatives, mut positives, mut pairs) = (0.0, 0.0, 0.0);
        for bin in &self.bins {
            let (positive, negative) = classes(bin);
            pairs += positive * (negatives + negative / 2.0);
            negatives += negative;
            positives += positive;
        }
        pairs / (positives * negatives)
    }
}

fn figures([true_yes, false_yes, false_no, true_no]: [f64; 4], auc: f64) -> Figures {
    let rows = true_yes + false_yes + false_no + true_no;
    let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    Figures {
        rows: rows.round() as u64,
        accuracy: ratio(true_yes + true_no, rows),
        precision: ratio(true_yes, true_yes + false_yes),
        recall: ratio(true_yes, true_yes + false_no),
        f1: ratio(2.0 * true_yes, 2.0 * true_yes + false_yes + false_no),
        auc: if auc.is_finite() { auc } else { 0.5 },
        log_loss: None,
        brier: None,
    }
}
