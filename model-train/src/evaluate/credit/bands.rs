//! The decile (gains) table and the curves behind it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::evaluate::interval::{Interval, wilson};

/// Parts of the rows.
const DECILES: usize = 10;
/// Most points of a gains curve.
const MOST_POINTS: usize = 200;

/// One row of the gains table: rows with neighbouring scores, the riskiest band first.
///
/// The rows are sorted by probability, ascending, and row `r` of `n` (from 0) lies in decile
/// `⌊10 r / n⌋ + 1`. Rows of one score are never divided: all lie in the decile of the first of
/// them, and a decile that they use up is part of that band (numpy:
/// `floor(10 * (rankdata(p, "min") - 1) / n)`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decile {
    /// The band's first decile, 1 to 10.
    pub first: usize,
    /// Its last: greater than the first where ties fill more than one.
    pub last: usize,
    /// Rows in it.
    pub rows: usize,
    /// Those of the bad outcome.
    pub bad: usize,
    /// The lowest probability of the good outcome in it.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// The mean of `1 - p`: the bad rate that the model expects.
    pub expected_bad_rate: f64,
    /// The share of bads.
    pub bad_rate: f64,
    /// Wilson's 95% interval of that share.
    pub bad_rate_interval: Interval,
    /// The band's bad rate over that of all rows; none where there is no bad row at all.
    pub lift: Option<f64>,
    /// The share of all rows in this band and the riskier ones.
    pub cumulative_rows: f64,
    /// The share of all bads in them: the capture rate.
    pub cumulative_bads: f64,
    /// The share of all goods in them.
    pub cumulative_goods: f64,
    /// The bad rate of this band and the riskier ones.
    pub cumulative_bad_rate: f64,
}

/// A point of the gains curves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GainsPoint {
    /// The share of all rows, the riskiest first.
    pub rows: f64,
    /// The share of all bads among them.
    pub bads: f64,
    /// The share of all goods among them.
    pub goods: f64,
}

/// Scored rows, the lowest probability first.
struct Ascending {
    /// Whether the outcome is good, and its probability.
    rows: Vec<(bool, f64)>,
}

impl Ascending {
    fn new(answers: &[bool], probabilities: &[f64]) -> Self {
        let mut rows: Vec<(bool, f64)> = answers
            .iter()
            .copied()
            .zip(probabilities.iter().copied())
            .collect();
        rows.sort_by(|a, b| a.1.total_cmp(&b.1));
        Self { rows }
    }
}

/// The bands of sorted probabilities, ascending, in `parts` of about equally many rows: each
/// with its first part, from 0. Equal probabilities are never divided; see [`Decile`].
#[must_use]
pub(crate) fn bands(sorted: &[f64], parts: usize) -> Vec<(usize, Range<usize>)> {
    let mut bands: Vec<(usize, Range<usize>)> = Vec::new();
    let mut start = 0;
    for tie in sorted.chunk_by(|a, b| a == b) {
        let part = start * parts / sorted.len();
        let end = start + tie.len();
        match bands.last_mut() {
            Some((last, range)) if *last == part => range.end = end,
            _ => bands.push((part, start..end)),
        }
        start = end;
    }
    bands
}

/// The gains table.
#[must_use]
pub fn deciles(answers: &[bool], probabilities: &[f64]) -> Vec<Decile> {
    let sorted = Ascending::new(answers, probabilities).rows;
    let scores: Vec<f64> = sorted.iter().map(|row| row.1).collect();
    let bads = |rows: &[(bool, f64)]| rows.iter().filter(|(good, _)| !good).count();
    let (all, all_bad) = (sorted.len(), bads(&sorted));
    let bands = bands(&scores, DECILES);
    let ends: Vec<usize> = bands
        .iter()
        .skip(1)
        .map(|(part, _)| *part)
        .chain([DECILES])
        .collect();
    let (mut rows_before, mut bad_before) = (0, 0);
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    bands
        .into_iter()
        .zip(ends)
        .map(|((part, range), last)| {
            let rows = &sorted[range];
            let bad = bads(rows);
            rows_before += rows.len();
            bad_before += bad;
            let (bad_rate, overall) = (share(bad, rows.len()), share(all_bad, all));
            Decile {
                first: part + 1,
                last,
                rows: rows.len(),
                bad,
                low: rows.first().map_or(0.0, |row| row.1),
                high: rows.last().map_or(0.0, |row| row.1),
                expected_bad_rate: rows.iter().map(|row| 1.0 - row.1).sum::<f64>()
                    / rows.len() as f64,
                bad_rate,
                bad_rate_interval: wilson(bad, rows.len()),
                lift: (all_bad > 0).then(|| bad_rate / overall),
                cumulative_rows: share(rows_before, all),
                cumulative_bads: share(bad_before, all_bad),
                cumulative_goods: share(rows_before - bad_before, all - all_bad),
                cumulative_bad_rate: share(bad_before, rows_before),
            }
        })
        .collect()
}

/// The share of bads and of goods among the riskiest rows, at about two hundred shares of the
/// rows, from none to all.
#[must_use]
pub fn gains(answers: &[bool], probabilities: &[f64]) -> Vec<GainsPoint> {
    let sorted = Ascending::new(answers, probabilities).rows;
    let all = sorted.len();
    let all_bad = sorted.iter().filter(|(good, _)| !good).count();
    let mut points = vec![GainsPoint {
        rows: 0.0,
        bads: 0.0,
        goods: 0.0,
    }];
    let (mut rows, mut bad, mut part) = (0, 0, 0);
    for tie in sorted.chunk_by(|a, b| a.1 == b.1) {
        rows += tie.len();
        bad += tie.iter().filter(|(good, _)| !good).count();
        let reached = rows * MOST_POINTS / all;
        if reached > part || rows == all {
            part = reached;
            points.push(GainsPoint {
                rows: rows as f64 / all as f64,
                bads: bad as f64 / all_bad.max(1) as f64,
                goods: (rows - bad) as f64 / (all - all_bad).max(1) as f64,
            });
        }
    }
    points
}
