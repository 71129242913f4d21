//! What a credit committee reads: Gini and KS, the decile table, calibration by slope and
//! intercept, and what a cut-off costs.
//!
//! The model's probability is that of the good outcome; the event of credit risk is the other
//! one, the bad outcome, whose probability is 1 minus that. Rates of these tables are bad rates.

mod bands;
mod calibration_fit;
mod coefficients;
mod cost;
mod cut_off;
mod effects;
mod logistic;
mod measured;
mod separation;
mod stakes;

pub(crate) use bands::bands;
pub use bands::{Decile, GainsPoint, deciles, gains};
pub(super) use calibration_fit::calibration_state_on;
pub use calibration_fit::{CalibrationFit, CalibrationState, calibration_state};
pub use coefficients::{
    Coefficients, Design, LinearTerm, TrainedOn, coefficients, linear_errors, variance_inflation,
};
pub use cost::{Cheapest, Cost, CostTerms, LossGivenDefault, Stakes, costs};
pub use cut_off::{CutOff, StrategyPoint, cut_off, strategy};
pub use effects::{Dependence, DependencePoint};
pub use logistic::Coefficient;
pub use separation::{Figure, Ks, RarerPrecision, ks};

use effects::dependences;
pub(super) use measured::Measured;
pub(super) use separation::gini;
pub(super) use separation::{average_precision_of_bads, largest_gap};
pub(super) use stakes::{cost_terms, stakes};

use serde::{Deserialize, Serialize};

use super::interval::quantile;
use super::{Ranked, ScoreBin};

/// Bars of the score histogram.
const BARS: usize = 30;
/// The share of the rows beyond each end of the score histogram.
const TAIL: f64 = 0.001;

/// The tables of credit risk; each is a key of the evaluation's JSON. All are absent in
/// evaluations of older versions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Credit {
    /// `2 AUC - 1`, with its bootstrap interval.
    pub gini: Option<Figure>,
    /// The largest gap between the cumulative shares of bads and goods.
    pub ks: Option<Ks>,
    /// The average precision of whichever outcome is rarer.
    pub average_precision_rarer: Option<RarerPrecision>,
    /// Approvals and bad rate at the model's own threshold.
    pub cut_off: Option<CutOff>,
    /// The gains table, the riskiest rows first.
    pub deciles: Vec<Decile>,
    /// The curves behind it: bads and goods captured from the riskiest row on.
    pub gains: Vec<GainsPoint>,
    /// The distribution of the scores over the range that they fill.
    pub score_histogram: Vec<ScoreBin>,
    /// Slope and intercept of the probabilities, before and after calibration.
    pub calibration_fit: Option<CalibrationFit>,
    /// Approval rate against bad rate, the strictest cut-off first.
    pub strategy: Vec<StrategyPoint>,
    /// What the cut-off costs; none where no cost is known.
    pub cost: Option<Cost>,
    /// Partial dependence of the most important inputs.
    pub partial_dependence: Vec<Dependence>,
    /// The terms of a linear model.
    pub coefficients: Option<Coefficients>,
}

/// Bars of equal width over the range that all but a thousandth of the scores at each end fill;
/// scores beyond it are in the outermost bars. A rare outcome leaves most of 0 to 1 empty.
#[must_use]
pub fn score_histogram(ranked: &Ranked) -> Vec<ScoreBin> {
    let sorted: Vec<f64> = ranked.rows().rev().map(|row| row.probability).collect();
    let (Some(low), Some(high)) = (quantile(&sorted, TAIL), quantile(&sorted, 1.0 - TAIL)) else {
        return Vec::new();
    };
    let width = (high - low) / BARS as f64;
    let bars = if width > 0.0 { BARS } else { 1 };
    let edge = |bar: usize| low + width * bar as f64;
    let mut bins: Vec<ScoreBin> = (0..bars)
        .map(|bar| ScoreBin {
            low: edge(bar),
            high: edge(bar + 1),
            positive: 0,
            negative: 0,
        })
        .collect();
    for row in ranked.rows() {
        let bar = if width > 0.0 {
            ((row.probability - low) / width).clamp(0.0, (bars - 1) as f64) as usize
        } else {
            0
        };
        if row.answer {
            bins[bar].positive += 1;
        } else {
            bins[bar].negative += 1;
        }
    }
    bins
}
