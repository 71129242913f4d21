//! Who would be decided otherwise by the second of two models.

use model_core::decide::reaches;
use serde::{Deserialize, Serialize};

use crate::evaluate::interval::{Interval, wilson_of};
use crate::evaluate::ranked::effective_rows;

/// Rows by both models' decisions, each at its own threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SwapSet {
    /// Approved by both.
    pub both_approve: SwapCell,
    /// Swapped out: approved by the first, declined by the second.
    pub only_first: SwapCell,
    /// Swapped in: declined by the first, approved by the second.
    pub only_second: SwapCell,
    /// Declined by both.
    pub both_decline: SwapCell,
}

/// Rows with the same pair of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SwapCell {
    /// How many.
    pub rows: usize,
    /// Their share of all rows, weighted where rows have weights; 0 in comparisons of older
    /// versions.
    #[serde(default)]
    pub share: f64,
    /// Those of the bad outcome.
    pub bad: usize,
    /// Their share; none without rows.
    pub bad_rate: Option<f64>,
    /// Wilson's 95% interval of it.
    pub interval: Option<Interval>,
}

/// One model's probabilities, and the threshold from which it approves.
#[derive(Debug, Clone, Copy)]
pub struct Decisions<'a> {
    /// One a row.
    pub probabilities: &'a [f64],
    /// Approved from this probability on.
    pub threshold: f64,
}

/// What is counted of the rows of a cell.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    rows: usize,
    bad: usize,
    weight: f64,
    bad_weight: f64,
    squares: f64,
}

/// Counts the rows by both decisions. Rates are weighted where rows have weights.
#[must_use]
pub fn swap_set(
    answers: &[bool],
    weights: Option<&[f64]>,
    first: Decisions<'_>,
    second: Decisions<'_>,
) -> SwapSet {
    let mut counts = [[Counts::default(); 2]; 2];
    for (row, good) in answers.iter().enumerate() {
        let approves =
            |model: Decisions<'_>| usize::from(reaches(model.probabilities[row], model.threshold));
        let cell = &mut counts[approves(first)][approves(second)];
        let weight = weights.map_or(1.0, |weights| weights[row]);
        cell.rows += 1;
        cell.weight += weight;
        cell.squares += weight * weight;
        if !good {
            cell.bad += 1;
            cell.bad_weight += weight;
        }
    }
    let all: f64 = counts.iter().flatten().map(|cell| cell.weight).sum();
    let cell = |counts: Counts| {
        let rate = (counts.rows > 0).then(|| counts.bad_weight / counts.weight);
        let rows = effective_rows(counts.weight, counts.squares);
        SwapCell {
            rows: counts.rows,
            share: if all > 0.0 { counts.weight / all } else { 0.0 },
            bad: counts.bad,
            bad_rate: rate,
            interval: rate.map(|rate| wilson_of(rate, rows)),
        }
    };
    SwapSet {
        both_approve: cell(counts[1][1]),
        only_first: cell(counts[1][0]),
        only_second: cell(counts[0][1]),
        both_decline: cell(counts[0][0]),
    }
}
