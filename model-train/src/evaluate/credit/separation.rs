//! How well the scores separate good from bad: Gini, KS, average precision of the rarer outcome.

use serde::{Deserialize, Serialize};

use crate::evaluate::ranked::Step;
use crate::evaluate::{Estimate, Interval, Ranked};

/// A figure with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// On the rows themselves.
    pub value: f64,
    /// The 95% interval; none where it cannot be computed.
    pub interval: Option<Interval>,
}

/// The Kolmogorov-Smirnov statistic of a scorecard.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ks {
    /// 0 to 1.
    pub value: f64,
    /// The 95% bootstrap interval; resampling pulls it upwards a little, as it does every
    /// maximum.
    pub interval: Option<Interval>,
    /// The probability of the good outcome at the largest gap: rows at or above it are on the
    /// better side.
    pub probability: f64,
    /// The share of the rows below that probability.
    pub share_below: f64,
}

/// The average precision of the outcome that fewer rows have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RarerPrecision {
    /// Whether the rarer outcome is the positive one, which is approved.
    pub positive: bool,
    /// Its share of the rows: the average precision of a random model.
    pub share: f64,
    /// See [`Ranked`]: scikit-learn's `average_precision_score` with that outcome as 1.
    pub value: f64,
    /// The 95% bootstrap interval.
    pub interval: Option<Interval>,
}

/// `2 AUC - 1` (Somers' D of score and outcome). A percentile interval keeps under such a map,
/// so its ends are those of the AUC, mapped.
pub(in crate::evaluate) fn gini(auc: &Estimate) -> Option<Figure> {
    let map = |auc: f64| 2.0 * auc - 1.0;
    Some(Figure {
        value: map(auc.value?),
        interval: auc.interval.map(|interval| Interval {
            low: map(interval.low),
            high: map(interval.high),
        }),
    })
}

/// `max |F_bad(s) - F_good(s)|` over the scores `s`, each `F` the share of an outcome's rows
/// below it (scipy: `ks_2samp(bads, goods).statistic`). The interval is added by the bootstrap.
/// `None` of one class.
#[must_use]
pub fn ks(ranked: &Ranked) -> Option<Ks> {
    let steps = ranked.steps();
    let all = *steps.last()?;
    if all.yes == 0.0 || all.no == 0.0 {
        return None;
    }
    let gap = |step: &Step| (step.yes / all.yes - step.no / all.no).abs();
    let widest = steps.iter().max_by(|a, b| gap(a).total_cmp(&gap(b)))?;
    Some(Ks {
        value: gap(widest),
        interval: None,
        probability: widest.probability,
        share_below: 1.0 - widest.all() / all.all(),
    })
}

/// The same of a curve of (negative, positive) weights at and above each distinct probability.
pub(in crate::evaluate) fn largest_gap(curve: &[(f64, f64)]) -> f64 {
    let Some(&(no, yes)) = curve.last().filter(|(no, yes)| *no > 0.0 && *yes > 0.0) else {
        return f64::NAN;
    };
    let gap = |(n, y): &(f64, f64)| (y / yes - n / no).abs();
    curve.iter().map(gap).fold(0.0, f64::max)
}

/// The average precision of the negative outcome, the lowest probability first: `Σ (Rₖ - Rₖ₋₁)
/// Pₖ` over the distinct probabilities, as scikit-learn's `average_precision_score(1 - y,
/// 1 - p)`. The curve is that of [`largest_gap`], and begins with (0, 0).
pub(in crate::evaluate) fn average_precision_of_bads(curve: &[(f64, f64)]) -> f64 {
    let Some(&(no, yes)) = curve.last().filter(|(no, _)| *no > 0.0) else {
        return f64::NAN;
    };
    let mut area = 0.0;
    for pair in curve.windows(2).rev() {
        let ((above_no, above_yes), (here_no, _)) = (pair[0], pair[1]);
        let tied = here_no - above_no;
        let (below_no, below_yes) = (no - above_no, yes - above_yes);
        // Computed in any case: which rows are drawn is not to be guessed by a branch.
        let precision = tied * (below_no / (below_no + below_yes));
        area += if tied > 0.0 { precision } else { 0.0 };
    }
    area / no
}
