//! The cut-off: how many are approved, and how many of those turn out bad.

use model_core::decide::reaches;
use serde::{Deserialize, Serialize};

use crate::evaluate::interval::{Interval, wilson};
use crate::evaluate::{Confusion, Ranked};

/// Points of the strategy curve, each about as many rows from the next.
const POINTS: usize = 100;

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

/// The cut-off of a confusion matrix.
#[must_use]
pub fn cut_off(confusion: &Confusion, threshold: f64) -> CutOff {
    let Confusion {
        true_positive,
        false_positive,
        false_negative,
        true_negative,
    } = *confusion;
    let approved = true_positive + false_positive;
    let (good, bad) = (
        true_positive + false_negative,
        false_positive + true_negative,
    );
    CutOff {
        threshold,
        approval_rate: share(approved, good + bad),
        bad_rate: (approved > 0).then(|| share(false_positive, approved)),
        bad_rate_interval: (approved > 0).then(|| wilson(false_positive, approved)),
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
    let Some(&(_, good, bad)) = steps.last() else {
        return Vec::new();
    };
    let rows = good + bad;
    // The last step that the threshold reaches decides as the threshold does.
    let chosen = steps
        .partition_point(|step| reaches(step.0, own))
        .checked_sub(1);
    let mut part = 0;
    let mut points = Vec::new();
    for (index, &(threshold, goods, bads)) in steps.iter().enumerate() {
        let approved = goods + bads;
        let reached = approved * POINTS / rows;
        let is_own = chosen == Some(index);
        if reached == part && !is_own {
            continue;
        }
        part = reached;
        points.push(StrategyPoint {
            threshold,
            approval_rate: share(approved, rows),
            bad_rate: share(bads, approved),
            bad_rate_interval: wilson(bads, approved),
            bads_declined: share(bad - bads, bad),
            goods_declined: share(good - goods, good),
            cost: costs.and_then(|costs| costs.get(index).copied()),
            chosen: is_own,
        });
    }
    points
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}
