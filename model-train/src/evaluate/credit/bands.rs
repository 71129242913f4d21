//! The decile (gains) table and the curves behind it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::evaluate::Ranked;
use crate::evaluate::interval::{Interval, wilson_of};
use crate::evaluate::ranked::{RankedRow, effective_rows};

/// Parts of the rows.
const DECILES: usize = 10;
/// Most points of a gains curve.
const MOST_POINTS: f64 = 200.0;

/// One row of the gains table: rows with neighbouring scores, the riskiest band first.
///
/// The rows are sorted by probability, ascending, and row `r` of `n` (from 0) lies in decile
/// `⌊10 r / n⌋ + 1`. Rows of one score are never divided: all lie in the decile of the first of
/// them, and a decile that they use up is part of that band (numpy:
/// `floor(10 * (rankdata(p, "min") - 1) / n)`). Where rows have weights, bands are still cut by
/// rows; rates, shares and lift are weighted, `rows` and `bad` are counts.
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
pub fn deciles(ranked: &Ranked) -> Vec<Decile> {
    let sorted: Vec<RankedRow> = ranked.rows().rev().collect();
    let scores: Vec<f64> = sorted.iter().map(|row| row.probability).collect();
    let (all, all_bad) = weights(&sorted);
    let bands = bands(&scores, DECILES);
    let ends: Vec<usize> = bands
        .iter()
        .skip(1)
        .map(|(part, _)| *part)
        .chain([DECILES])
        .collect();
    let (mut before, mut bad_before) = (0.0, 0.0);
    bands
        .into_iter()
        .zip(ends)
        .map(|((part, range), last)| {
            let rows = &sorted[range];
            let (weight, bad) = weights(rows);
            before += weight;
            bad_before += bad;
            let (bad_rate, overall) = (share(bad, weight), share(all_bad, all));
            let squares = rows.iter().map(|row| row.weight * row.weight).sum();
            let expected: f64 = (rows.iter())
                .map(|row| row.weight * (1.0 - row.probability))
                .sum();
            Decile {
                first: part + 1,
                last,
                rows: rows.len(),
                bad: rows.iter().filter(|row| !row.answer).count(),
                low: rows.first().map_or(0.0, |row| row.probability),
                high: rows.last().map_or(0.0, |row| row.probability),
                expected_bad_rate: expected / weight,
                bad_rate,
                bad_rate_interval: wilson_of(bad_rate, effective_rows(weight, squares)),
                lift: (all_bad > 0.0).then(|| bad_rate / overall),
                cumulative_rows: share(before, all),
                cumulative_bads: share(bad_before, all_bad),
                cumulative_goods: share(before - bad_before, all - all_bad),
                cumulative_bad_rate: share(bad_before, before),
            }
        })
        .collect()
}

/// The weight of rows, and that of the bads among them.
fn weights(rows: &[RankedRow]) -> (f64, f64) {
    let bads = rows.iter().filter(|row| !row.answer);
    (
        rows.iter().map(|row| row.weight).sum(),
        bads.map(|row| row.weight).sum(),
    )
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// The share of bads and of goods among the riskiest rows, at about two hundred shares of the
/// rows, from none to all.
#[must_use]
pub fn gains(ranked: &Ranked) -> Vec<GainsPoint> {
    let steps = ranked.steps();
    let Some(&all) = steps.last() else {
        return Vec::new();
    };
    let mut points = vec![GainsPoint {
        rows: 0.0,
        bads: 0.0,
        goods: 0.0,
    }];
    let mut part = 0;
    // From the lowest score up: what lies below a step is what the step above it leaves.
    let above = steps.iter().rev().skip(1).copied().map(Some).chain([None]);
    for above in above {
        let (yes, no) = above.map_or((0.0, 0.0), |step| (step.yes, step.no));
        let (goods, bads) = (all.yes - yes, all.no - no);
        let rows = goods + bads;
        let reached = (rows * MOST_POINTS / all.all()) as usize;
        if reached > part || above.is_none() {
            part = reached;
            points.push(GainsPoint {
                rows: rows / all.all(),
                bads: share(bads, all.no),
                goods: share(goods, all.yes),
            });
        }
    }
    points
}
