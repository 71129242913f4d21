//! Who would be decided otherwise by the second of two models.

use model_core::decide::reaches;
use serde::{Deserialize, Serialize};

use crate::evaluate::interval::{Interval, wilson};

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

/// Counts the rows by both decisions.
#[must_use]
pub fn swap_set(answers: &[bool], first: Decisions<'_>, second: Decisions<'_>) -> SwapSet {
    let mut counts = [[(0usize, 0usize); 2]; 2];
    for (row, good) in answers.iter().enumerate() {
        let approves =
            |model: Decisions<'_>| usize::from(reaches(model.probabilities[row], model.threshold));
        let cell = &mut counts[approves(first)][approves(second)];
        cell.0 += 1;
        cell.1 += usize::from(!good);
    }
    let cell = |(rows, bad): (usize, usize)| SwapCell {
        rows,
        bad,
        bad_rate: (rows > 0).then(|| bad as f64 / rows as f64),
        interval: (rows > 0).then(|| wilson(bad, rows)),
    };
    SwapSet {
        both_approve: cell(counts[1][1]),
        only_first: cell(counts[1][0]),
        only_second: cell(counts[0][1]),
        both_decline: cell(counts[0][0]),
    }
}
