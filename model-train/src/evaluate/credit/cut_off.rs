//! The cut-off: how many are approved, and how many of those turn out bad.

use model_core::decide::reaches;
use serde::{Deserialize, Serialize};

use crate::evaluate::Ranked;
use crate::evaluate::decided::Decided;
use crate::evaluate::interval::{Interval, wilson_of};
use crate::evaluate::ranked::effective_rows;

/// Points of the strategy curve, each about as many rows from the next.
const POINTS: f64 = 100.0;

/// What the model's own threshold does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CutOff {
    /// Approved from this probability on.
    pub threshold: f64,
    /// The share of rows that are approved.
    pub approval_rate: f64,
    /// The share of bads among those approved; none where nobody is.
    pub bad_rate: Option<f64>,
    /// Wilson's 95% interval of it.
    pub bad_rate_interval: Option<Interval>,
    /// The share of bads among all rows: the bad rate if everyone is approved.
    pub bad_rate_all: f64,
    /// The share of all bads that are declined.
    pub bads_declined: f64,
    /// The share of all goods that are declined.
    pub goods_declined: f64,
}

/// What another cut-off would do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StrategyPoint {
    /// Approved from this probability on.
    pub threshold: f64,
    /// The share of rows that are approved.
    pub approval_rate: f64,
    /// The share of bads among those approved.
    pub bad_rate: f64,
    /// Wilson's 95% interval of it.
    pub bad_rate_interval: Interval,
    /// The share of all bads that are declined.
    pub bads_declined: f64,
    /// The share of all goods that are declined.
    pub goods_declined: f64,
    /// What the errors cost; none where no cost is known.
    pub cost: Option<f64>,
    /// Whether it decides every row as the model's own threshold does.
    pub chosen: bool,
}

/// The cut-off at the model's own threshold.
#[must_use]
pub fn cut_off(ranked: &Ranked, threshold: f64) -> CutOff {
    let Decided {
        true_positive,
        false_positive,
        false_negative,
        true_negative,
    } = ranked.decided();
    let approved = true_positive + false_positive;
    let (good, bad) = (
        true_positive + false_negative,
        false_positive + true_negative,
    );
    let squares: f64 = (ranked.rows().take(ranked.approved()))
        .map(|row| row.weight * row.weight)
        .sum();
    let bad_rate = (approved > 0.0).then(|| share(false_positive, approved));
    CutOff {
        threshold,
        approval_rate: share(approved, good + bad),
        bad_rate,
        bad_rate_interval: bad_rate.map(|rate| wilson_of(rate, effective_rows(approved, squares))),
        bad_rate_all: share(bad, good + bad),
        bads_declined: share(true_negative, bad),
        goods_declined: share(false_negative, good),
    }
}

/// About a hundred cut-offs, each at a score that rows have, from the strictest to the one that
/// approves everyone, and the model's own. `costs` has one for each of `ranked.steps()`.
#[must_use]
pub fn strategy(ranked: &Ranked, own: f64, costs: Option<&[f64]>) -> Vec<StrategyPoint> {
    let steps = ranked.steps();
    let Some(&all) = steps.last() else {
        return Vec::new();
    };
    // The last step that the threshold reaches decides as the threshold does.
    let chosen = steps
        .partition_point(|step| reaches(step.probability, own))
        .checked_sub(1);
    let mut part = 0;
    let mut points = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let reached = (step.all() * POINTS / all.all()) as usize;
        let is_own = chosen == Some(index);
        if reached == part && !is_own {
            continue;
        }
        part = reached;
        let bad_rate = share(step.no, step.all());
        points.push(StrategyPoint {
            threshold: step.probability,
            approval_rate: share(step.all(), all.all()),
            bad_rate,
            bad_rate_interval: wilson_of(bad_rate, step.effective_rows()),
            bads_declined: share(all.no - step.no, all.no),
            goods_declined: share(all.yes - step.yes, all.yes),
            cost: costs.and_then(|costs| costs.get(index).copied()),
            chosen: is_own,
        });
    }
    points
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
