//! Rows sorted by probability once, to be measured many times with different weights.

use super::calibration::{BINS, bin_of};
use model_core::decide::reaches;

/// The names of the metrics, in the order of `Ranked::figures`. All but the last are
/// scikit-learn's of the same name.
pub const FIGURES: [&str; 13] = [
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "f1_weighted",
    "precision",
    "recall",
    "matthews_corrcoef",
    "approval_rate",
    "expected_calibration_error",
];

/// The confusion matrix: counts of rows by actual class and decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Confusion {
    /// Positive and approved.
    pub true_positive: usize,
    /// Negative and approved.
    pub false_positive: usize,
    /// Positive and declined.
    pub false_negative: usize,
    /// Negative and declined.
    pub true_negative: usize,
}

/// One row.
#[derive(Debug, Clone, Copy)]
struct Row {
    answer: bool,
    probability: f64,
    log_loss: f64,
    bin: u8,
    /// Whether the next row has a lower probability.
    last_of_tie: bool,
}

/// Rows, the highest probability first.
#[derive(Debug)]
pub struct Ranked {
    rows: Vec<Row>,
    /// The index of each before sorting.
    order: Vec<u32>,
    /// How many are approved.
    approved: usize,
}

impl Ranked {
    /// Sorts rows by probability; a row is approved where its probability
    /// [reaches] the threshold.
    #[must_use]
    pub fn new(answers: &[bool], probabilities: &[f64], threshold: f64) -> Self {
        let mut order: Vec<usize> = (0..answers.len()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        let rows = order
            .iter()
            .enumerate()
            .map(|(rank, &row)| {
                let next = order.get(rank + 1).map(|&next| probabilities[next]);
                Row {
                    answer: answers[row],
                    probability: probabilities[row],
                    log_loss: log_loss(answers[row], probabilities[row]),
                    bin: bin_of(probabilities[row]) as u8,
                    last_of_tie: next != Some(probabilities[row]),
                }
            })
            .collect();
        let approved = probabilities
            .iter()
            .filter(|p| reaches(**p, threshold))
            .count();
        let order = order.into_iter().map(|row| row as u32).collect();
        Self {
            rows,
            order,
            approved,
        }
    }

    /// The same of the rows that are kept, by their index before sorting.
    pub(super) fn restricted(&self, keep: &[bool]) -> Self {
        let mut before = 0;
        let new_index: Vec<u32> = keep
            .iter()
            .map(|keep| {
                let index = before;
                before += u32::from(*keep);
                index
            })
            .collect();
        let kept = |place: &usize| keep[self.order[*place] as usize];
        let places: Vec<usize> = (0..self.rows.len()).filter(kept).collect();
        let rows = places.iter().enumerate().map(|(rank, &place)| {
            let next = places
                .get(rank + 1)
                .map(|&next| self.rows[next].probability);
            Row {
                last_of_tie: next != Some(self.rows[place].probability),
                ..self.rows[place]
            }
        });
        Self {
            rows: rows.collect(),
            order: places
                .iter()
                .map(|&place| new_index[self.order[place] as usize])
                .collect(),
            approved: places.partition_point(|place| *place < self.approved),
        }
    }

    /// Marks every `step`-th row by rank, for [`Ranked::restricted`].
    pub(super) fn every(&self, step: usize) -> Vec<bool> {
        let mut keep = vec![false; self.rows.len()];
        // From the middle of the first step, so that neither end of the scores is favoured.
        for row in self.order.iter().skip(step / 2).step_by(step) {
            keep[*row as usize] = true;
        }
        keep
    }

    /// Puts weights of the rows as they came into the order of the sorted rows.
    pub(super) fn sort_weights(&self, weights: &[u32], sorted: &mut Vec<u32>) {
        sorted.clear();
        sorted.extend(self.order.iter().map(|row| weights[*row as usize]));
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The counts at the threshold.
    #[must_use]
    pub fn confusion(&self) -> Confusion {
        let yes = |rows: &[Row]| rows.iter().filter(|row| row.answer).count();
        let (above, below) = self.rows.split_at(self.approved);
        Confusion {
            true_positive: yes(above),
            false_positive: above.len() - yes(above),
            false_negative: yes(below),
            true_negative: below.len() - yes(below),
        }
    }

    /// For each different probability, from the highest: the probability, and how many rows
    /// positive and negative rows have it or a higher one.
    #[must_use]
    pub fn steps(&self) -> Vec<(f64, usize, usize)> {
        let (mut yes, mut no) = (0, 0);
        let mut steps = Vec::new();
        for row in &self.rows {
            yes += usize::from(row.answer);
            no += usize::from(!row.answer);
            if row.last_of_tie {
                steps.push((row.probability, yes, no));
            }
        }
        steps
    }

    /// Every metric of [`FIGURES`]; `weights` are the weights of the sorted rows. NaN where a
    /// metric is not defined, such as the ROC AUC of a single class.
    /// `on_step` gets the sums of positive and negative rows at and above each distinct
    /// probability.
    pub(super) fn figures(
        &self,
        weights: &[u32],
        mut on_step: impl FnMut(u64, u64),
    ) -> [f64; FIGURES.len()] {
        let (mut yes, mut no) = (0u64, 0u64);
        let (mut yes_before, mut no_before) = (0u64, 0u64);
        let (mut doubled_area, mut precision_area) = (0u128, 0.0);
        let (mut log_loss, mut brier) = (0.0, 0.0);
        let mut bins = [(0.0, 0.0); BINS];
        let mut at_threshold = (0, 0);
        for (rank, (row, &weight)) in self.rows.iter().zip(weights).enumerate() {
            if rank == self.approved {
                at_threshold = (yes, no);
            }
            let often = f64::from(weight);
            let answer = f64::from(u8::from(row.answer));
            yes += u64::from(weight) * u64::from(row.answer);
            no += u64::from(weight) * u64::from(!row.answer);
            log_loss += often * row.log_loss;
            brier += often * (row.probability - answer).powi(2);
            let bin = &mut bins[usize::from(row.bin)];
            bin.0 += often * row.probability;
            bin.1 += often * answer;
            if row.last_of_tie {
                let tied_yes = yes - yes_before;
                doubled_area += u128::from(no - no_before) * u128::from(yes + yes_before);
                if tied_yes > 0 {
                    precision_area += tied_yes as f64 * (yes as f64 / (yes + no) as f64);
                }
                (yes_before, no_before) = (yes, no);
                on_step(yes, no);
            }
        }
        if self.approved == self.rows.len() {
            at_threshold = (yes, no);
        }
        let rows = (yes + no) as f64;
        let decided = Decided::new(at_threshold, (yes, no));
        [
            doubled_area as f64 / (2.0 * yes as f64 * no as f64),
            precision_area / yes as f64,
            log_loss / rows,
            brier / rows,
            decided.accuracy(),
            decided.balanced_accuracy(),
            decided.f1(),
            decided.f1_weighted(),
            decided.precision(),
            decided.recall(),
            decided.matthews(),
            decided.approval_rate(),
            bins.iter().map(|(p, y)| (p - y).abs()).sum::<f64>() / rows,
        ]
    }
}

/// The confusion matrix at a threshold, and the metrics that follow from it. 0 / 0 is 0, as
/// in scikit-learn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decided {
    true_positive: f64,
    false_positive: f64,
    false_negative: f64,
    true_negative: f64,
}

impl Decided {
    /// From the positive and negative rows at and above the threshold, and in total.
    pub(super) fn new(above: (u64, u64), all: (u64, u64)) -> Self {
        Self {
            true_positive: above.0 as f64,
            false_positive: above.1 as f64,
            false_negative: (all.0 - above.0) as f64,
            true_negative: (all.1 - above.1) as f64,
        }
    }

    fn rows(self) -> f64 {
        self.true_positive + self.false_positive + self.false_negative + self.true_negative
    }

    pub(super) fn accuracy(self) -> f64 {
        share(self.true_positive + self.true_negative, self.rows())
    }

    pub(super) fn precision(self) -> f64 {
        share(self.true_positive, self.true_positive + self.false_positive)
    }

    pub(super) fn recall(self) -> f64 {
        share(self.true_positive, self.true_positive + self.false_negative)
    }

    pub(super) fn specificity(self) -> f64 {
        share(self.true_negative, self.true_negative + self.false_positive)
    }

    pub(super) fn approval_rate(self) -> f64 {
        share(self.true_positive + self.false_positive, self.rows())
    }

    /// `2 tp / (2 tp + fp + fn)`.
    pub(super) fn f1(self) -> f64 {
        let wrong = self.false_positive + self.false_negative;
        share(2.0 * self.true_positive, 2.0 * self.true_positive + wrong)
    }

    fn balanced_accuracy(self) -> f64 {
        (self.recall() + self.specificity()) / 2.0
    }

    fn f1_weighted(self) -> f64 {
        let wrong = self.false_positive + self.false_negative;
        let no = share(2.0 * self.true_negative, 2.0 * self.true_negative + wrong);
        let yes_rows = self.true_positive + self.false_negative;
        let no_rows = self.true_negative + self.false_positive;
        share(self.f1() * yes_rows + no * no_rows, self.rows())
    }

    /// `(tp tn - fp fn) / √((tp+fp)(tp+fn)(tn+fp)(tn+fn))` (Matthews, "Comparison of the
    /// predicted and observed secondary structure of T4 phage lysozyme", Biochimica et
    /// Biophysica Acta 405, 1975).
    fn matthews(self) -> f64 {
        let (tp, fp) = (self.true_positive, self.false_positive);
        let (fna, tn) = (self.false_negative, self.true_negative);
        let product = (tp + fp) * (tp + fna) * (tn + fp) * (tn + fna);
        share(tp * tn - fp * fna, product.sqrt())
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

/// Clipped to `[ε, 1 - ε]`, as scikit-learn does.
fn log_loss(answer: bool, probability: f64) -> f64 {
    let p = probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    -(if answer { p } else { 1.0 - p }).ln()
}
