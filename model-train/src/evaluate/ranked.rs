//! Rows sorted by probability once, to be measured many times with different weights.

use model_core::decide::reaches;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::bins::{BINS, bin_of};
use super::decided::Decided;

/// The names of the metrics, in the order of `Ranked::figures`. All but the last are
/// scikit-learn's of the same name, with `sample_weight` where rows have weights.
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
    /// How much it counts.
    weight: f64,
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
    /// Whether rows count differently.
    weighted: bool,
}

/// The rows at and above a probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The probability.
    pub probability: f64,
    /// The weight of the positive rows; their number where rows have no weights.
    pub yes: f64,
    /// That of the negative rows.
    pub no: f64,
    /// The sum of the squared weights of both.
    pub squares: f64,
}

impl Step {
    /// The weight of all rows at and above.
    #[must_use]
    pub fn all(&self) -> f64 {
        self.yes + self.no
    }

    /// How many rows of equal weight say as much; see [`effective_rows`].
    pub(super) fn effective_rows(&self) -> f64 {
        effective_rows(self.all(), self.squares)
    }
}

/// How many rows of equal weight give a share with the same variance: `(Σw)² / Σw²` (Kish,
/// *Survey Sampling*, 1965). Of rows without weights it is their number.
pub(super) fn effective_rows(sum: f64, squares: f64) -> f64 {
    if squares > 0.0 {
        sum * sum / squares
    } else {
        0.0
    }
}

/// One of the sorted rows, as the tables count them.
#[derive(Debug, Clone, Copy)]
pub(super) struct RankedRow {
    /// Its index before sorting.
    pub(super) index: usize,
    pub(super) answer: bool,
    pub(super) probability: f64,
    pub(super) weight: f64,
}

impl Ranked {
    /// Sorts rows by probability; a row is approved where its probability
    /// [reaches] the threshold.
    #[must_use]
    pub fn new(answers: &[bool], probabilities: &[f64], threshold: f64) -> Self {
        Self::weighted(answers, probabilities, None, threshold)
    }

    /// The same of rows that count as much as their weight, above 0: every sum and share is one
    /// of weights, and each resample of the bootstrap draws rows with theirs.
    #[must_use]
    pub fn weighted(
        answers: &[bool],
        probabilities: &[f64],
        weights: Option<&[f64]>,
        threshold: f64,
    ) -> Self {
        let order = descending(probabilities);
        let rows = order
            .iter()
            .enumerate()
            .map(|(rank, &row)| {
                let row = row as usize;
                let next = order.get(rank + 1);
                let next = next.map(|&next| probabilities[next as usize]);
                Row {
                    answer: answers[row],
                    probability: probabilities[row],
                    weight: weights.map_or(1.0, |weights| weights[row]),
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
        Self {
            rows,
            order,
            approved,
            weighted: weights.is_some(),
        }
    }

    /// The sorted rows, the highest probability first.
    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = RankedRow> + ExactSizeIterator {
        let rows = self.rows.iter().zip(&self.order);
        rows.map(|(row, index)| RankedRow {
            index: *index as usize,
            answer: row.answer,
            probability: row.probability,
            weight: row.weight,
        })
    }

    /// Whether rows have weights.
    pub(super) fn is_weighted(&self) -> bool {
        self.weighted
    }

    /// How many rows are approved: the first so many of the sorted ones.
    pub(super) fn approved(&self) -> usize {
        self.approved
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
            weighted: self.weighted,
        }
    }

    /// Marks about `most` rows that are drawn at random, of each class its share, for
    /// [`Ranked::restricted`]. Which ones depends on labels and seed alone, so that two models
    /// of the same rows keep the same.
    pub(super) fn sample(&self, most: usize, seed: u64) -> Vec<bool> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // A stream of its own beside those of the resamples.
        rng.set_stream(u64::MAX);
        let mut answers = vec![false; self.len()];
        for row in self.rows() {
            answers[row.index] = row.answer;
        }
        let mut keep = vec![false; self.len()];
        for class in [false, true] {
            let mut rows: Vec<usize> = (0..answers.len())
                .filter(|row| answers[*row] == class)
                .collect();
            let share = rows.len() as f64 / answers.len() as f64;
            let kept = ((most as f64 * share).ceil() as usize).min(rows.len());
            let (drawn, _) = rows.partial_shuffle(&mut rng, kept);
            drawn.iter().for_each(|row| keep[*row] = true);
        }
        keep
    }

    /// Puts how often the rows were drawn, as they came, into the order of the sorted rows.
    pub(super) fn sort_draws(&self, drawn: &[u32], sorted: &mut Vec<u32>) {
        sorted.clear();
        sorted.extend(self.order.iter().map(|row| drawn[*row as usize]));
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

    /// The counts of rows at the threshold, whatever they weigh.
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

    /// The weights of the rows at the threshold.
    pub(super) fn decided(&self) -> Decided {
        let mut above = (0.0, 0.0);
        let mut all = (0.0, 0.0);
        for (rank, row) in self.rows.iter().enumerate() {
            if rank == self.approved {
                above = all;
            }
            *(if row.answer { &mut all.0 } else { &mut all.1 }) += row.weight;
        }
        if self.approved == self.rows.len() {
            above = all;
        }
        Decided::new(above, all)
    }

    /// For each different probability, from the highest: the rows that have it or a higher one.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut here = Step {
            probability: 1.0,
            yes: 0.0,
            no: 0.0,
            squares: 0.0,
        };
        for row in &self.rows {
            *(if row.answer {
                &mut here.yes
            } else {
                &mut here.no
            }) += row.weight;
            here.squares += row.weight * row.weight;
            if row.last_of_tie {
                here.probability = row.probability;
                steps.push(here);
            }
        }
        steps
    }

    /// Every metric of [`FIGURES`]; `drawn` is how often each of the sorted rows counts, with
    /// its own weight. NaN where a metric is not defined, such as the ROC AUC of a single class.
    /// `on_step` gets the sums of positive and negative rows at and above each distinct
    /// probability.
    ///
    /// Sums of rows without weights are whole numbers, exact as `f64` up to 2^53: the figures
    /// are those of integers.
    pub(super) fn figures(
        &self,
        drawn: &[u32],
        mut on_step: impl FnMut(f64, f64),
    ) -> [f64; FIGURES.len()] {
        let (mut yes, mut no) = (0.0, 0.0);
        let (mut yes_before, mut no_before) = (0.0, 0.0);
        let (mut doubled_area, mut precision_area) = (0.0, 0.0);
        let (mut log_loss, mut brier) = (0.0, 0.0);
        let mut bins = [(0.0, 0.0); BINS];
        let mut at_threshold = (0.0, 0.0);
        for (rank, (row, &drawn)) in self.rows.iter().zip(drawn).enumerate() {
            if rank == self.approved {
                at_threshold = (yes, no);
            }
            let counts = f64::from(drawn) * row.weight;
            let answer = f64::from(u8::from(row.answer));
            yes += counts * answer;
            no += counts * (1.0 - answer);
            log_loss += counts * row.log_loss;
            brier += counts * (row.probability - answer).powi(2);
            let bin = &mut bins[usize::from(row.bin)];
            bin.0 += counts * row.probability;
            bin.1 += counts * answer;
            if row.last_of_tie {
                let tied_yes = yes - yes_before;
                doubled_area += (no - no_before) * (yes + yes_before);
                // Computed in any case: which rows are drawn is not to be guessed by a branch.
                let precision = tied_yes * (yes / (yes + no));
                precision_area += if tied_yes > 0.0 { precision } else { 0.0 };
                (yes_before, no_before) = (yes, no);
                on_step(yes, no);
            }
        }
        if self.approved == self.rows.len() {
            at_threshold = (yes, no);
        }
        let rows = yes + no;
        let decided = Decided::new(at_threshold, (yes, no));
        [
            doubled_area / (2.0 * yes * no),
            precision_area / yes,
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

/// The rows from the highest probability to the lowest; ties keep the order of the rows.
fn descending(probabilities: &[f64]) -> Vec<u32> {
    let rows = probabilities.iter().zip(0u32..);
    let mut keys: Vec<(u64, u32)> = rows
        .map(|(probability, row)| (descending_key(*probability), row))
        .collect();
    // No two are equal, so that what is fast and not stable gives the same.
    keys.sort_unstable();
    keys.into_iter().map(|(_, row)| row).collect()
}

/// An integer that orders as [`f64::total_cmp`] does, the other way round.
fn descending_key(number: f64) -> u64 {
    let bits = number.to_bits();
    // The bits of negative numbers order the other way round already.
    if bits >> 63 == 0 {
        !bits & !(1 << 63)
    } else {
        bits
    }
}

/// Clipped to `[ε, 1 - ε]`, as scikit-learn does.
fn log_loss(answer: bool, probability: f64) -> f64 {
    let p = probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    -(if answer { p } else { 1.0 - p }).ln()
}
