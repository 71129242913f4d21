//! Columns that leak the target.

use super::column::Column;
use crate::evaluate::{quantile, roc_auc};

/// Above this, a column alone predicts the target so well that it was probably written down
/// after the decision.
pub const LEAK: f64 = 0.95;
/// Above this a column should be checked.
pub const SUSPECT: f64 = 0.90;

const FOLDS: usize = 5;
/// Quantile bins of a number.
const BINS: usize = 32;
/// Rows of the overall share that each bin is smoothed with, so that small bins do not count
/// much.
const PRIOR_ROWS: f64 = 10.0;

/// The area under the ROC curve of one column alone: each value is replaced by the share of
/// yes among the rows of the other four folds that have the same value, or lie in the same
/// of 32 quantile bins, with ten rows of the overall share added (target encoding as in
/// Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes",
/// SIGKDD Explorations 3, 2001). Being out of fold, a column of different texts does not
/// predict itself. Missing is a value of its own. `None` when there is only one class.
pub(super) fn single_column_auc(column: &Column, target: &[Option<bool>]) -> Option<f64> {
    let bins = bins(column);
    let known: Vec<(usize, bool, usize)> = target
        .iter()
        .enumerate()
        .filter_map(|(row, answer)| Some((bins[row], (*answer)?, row % FOLDS)))
        .collect();
    let size = bins.iter().max().map_or(0, |bin| bin + 1);
    let mut counts = vec![[(0.0, 0.0); FOLDS]; size];
    let mut all = [(0.0, 0.0); FOLDS];
    for &(bin, answer, fold) in &known {
        for count in [&mut counts[bin][fold], &mut all[fold]] {
            count.0 += 1.0;
            count.1 += f64::from(u8::from(answer));
        }
    }
    let others = |counts: &[(f64, f64); FOLDS], fold: usize| {
        let mut sum = (0.0, 0.0);
        for (index, count) in counts.iter().enumerate() {
            if index != fold {
                sum = (sum.0 + count.0, sum.1 + count.1);
            }
        }
        sum
    };
    let score = |&(bin, _, fold): &(usize, bool, usize)| {
        let (rows, yes) = others(&counts[bin], fold);
        let (all_rows, all_yes) = others(&all, fold);
        let prior = if all_rows > 0.0 {
            all_yes / all_rows
        } else {
            0.5
        };
        (yes + PRIOR_ROWS * prior) / (rows + PRIOR_ROWS)
    };
    let answers: Vec<bool> = known.iter().map(|row| row.1).collect();
    let scores: Vec<f64> = known.iter().map(score).collect();
    roc_auc(&answers, &scores)
}

/// The bin of each row; 0 is "missing".
fn bins(column: &Column) -> Vec<usize> {
    if !column.kind.is_number() {
        let bin = |value: &f64| {
            if value.is_nan() {
                0
            } else {
                *value as usize + 1
            }
        };
        return column.values.iter().map(bin).collect();
    }
    let mut sorted: Vec<f64> = column
        .values
        .iter()
        .copied()
        .filter(|v| v.is_finite())
        .collect();
    sorted.sort_by(f64::total_cmp);
    let mut cuts: Vec<f64> = (1..BINS)
        .filter_map(|part| quantile(&sorted, part as f64 / BINS as f64))
        .collect();
    cuts.dedup();
    let bin = |value: &f64| {
        if value.is_nan() {
            0
        } else {
            1 + cuts.partition_point(|cut| cut < value)
        }
    };
    column.values.iter().map(bin).collect()
}
