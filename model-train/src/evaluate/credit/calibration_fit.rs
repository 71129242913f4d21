//! Whether probabilities are too bold or too low, in two numbers and by equal-frequency bins.

use serde::{Deserialize, Serialize};

use super::bands::bands;
use super::logistic::{Coefficient, Recalibration};
use crate::evaluate::calibration::{CalibrationBin, Sums};
use crate::evaluate::ranked::{Ranked, RankedRow};

/// Bins of about equally many rows.
const BINS: usize = 10;

/// Calibration after the model's calibration and, where it has one, before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationFit {
    /// `none`, `platt` or `isotonic`.
    pub method: String,
    /// Of the probabilities that decide.
    #[serde(flatten)]
    pub after: CalibrationState,
    /// Of the probabilities before the calibration; none where the model has none.
    pub before: Option<CalibrationState>,
}

/// How well probabilities of the good outcome fit what happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationState {
    /// The slope of a logistic regression of the outcome on the log odds: 1 is ideal, below it
    /// the probabilities are too extreme. None where it has no finite value.
    pub slope: Option<Coefficient>,
    /// The intercept of the same regression: 0 is ideal.
    pub intercept: Option<Coefficient>,
    /// The intercept with the slope held at 1: above 0, more is good than predicted.
    pub in_the_large: Option<Coefficient>,
    /// The mean log loss.
    pub log_loss: f64,
    /// The Brier score.
    pub brier: f64,
    /// The mean probability of the good outcome.
    pub mean_probability: f64,
    /// Ten bins of about equally many rows, cut as the deciles are.
    pub bins: Vec<CalibrationBin>,
}

/// Measures probabilities of the good outcome against what happened. Where rows have weights,
/// the regression maximizes the weighted likelihood, as statsmodels' `GLM(freq_weights=...)`;
/// the standard errors are those of as many rows as the weights are worth, so that only their
/// ratios matter.
#[must_use]
pub fn calibration_state(ranked: &Ranked) -> CalibrationState {
    calibration_state_on(ranked, 1)
}

/// The same on several threads, which change no bit.
pub(in crate::evaluate) fn calibration_state_on(ranked: &Ranked, jobs: usize) -> CalibrationState {
    let recalibration = Recalibration::new(ranked, jobs);
    let (slope, intercept) = match recalibration.slope_and_intercept() {
        Some([slope, intercept]) => (Some(slope), Some(intercept)),
        None => (None, None),
    };
    let all: f64 = ranked.rows().map(|row| row.weight).sum();
    let mean = |of: &dyn Fn(RankedRow) -> f64| {
        let sum: f64 = ranked.rows().map(|row| row.weight * of(row)).sum();
        sum / all
    };
    CalibrationState {
        slope,
        intercept,
        in_the_large: recalibration.in_the_large(),
        log_loss: mean(&|row| {
            let p = row.probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            -(if row.answer { p } else { 1.0 - p }).ln()
        }),
        brier: mean(&|row| (row.probability - f64::from(u8::from(row.answer))).powi(2)),
        mean_probability: mean(&|row| row.probability),
        bins: bins(ranked),
    }
}

fn bins(ranked: &Ranked) -> Vec<CalibrationBin> {
    let rows: Vec<RankedRow> = ranked.rows().rev().collect();
    let sorted: Vec<f64> = rows.iter().map(|row| row.probability).collect();
    let bin = |rows: &[RankedRow]| {
        let mut sums = Sums::default();
        rows.iter().for_each(|row| sums.add(*row));
        let ends = rows.first().zip(rows.last());
        let (low, high) = ends.map_or((0.0, 1.0), |(low, high)| {
            (low.probability, high.probability)
        });
        sums.summary(low, high)
    };
    let bands = bands(&sorted, BINS).into_iter();
    bands.map(|(_, range)| bin(&rows[range])).collect()
}
