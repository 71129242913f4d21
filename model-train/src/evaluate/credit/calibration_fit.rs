//! Whether probabilities are too bold or too low, in two numbers and by equal-frequency bins.

use serde::{Deserialize, Serialize};

use super::bands::bands;
use super::logistic::Recalibration;
use crate::evaluate::calibration::CalibrationBin;
use crate::evaluate::interval::{Interval, wilson};

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

/// A coefficient with its standard error from the inverse Hessian, and Wald's 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The estimate plus and minus 1.96 standard errors.
    pub interval: Interval,
}

/// Measures probabilities of the good outcome against what happened.
#[must_use]
pub fn calibration_state(answers: &[bool], probabilities: &[f64]) -> CalibrationState {
    let recalibration = Recalibration::new(answers, probabilities);
    let (slope, intercept) = match recalibration.slope_and_intercept() {
        Some([slope, intercept]) => (Some(slope), Some(intercept)),
        None => (None, None),
    };
    let mean = |of: &dyn Fn(bool, f64) -> f64| {
        let rows = answers.iter().zip(probabilities);
        rows.map(|(y, p)| of(*y, *p)).sum::<f64>() / answers.len() as f64
    };
    CalibrationState {
        slope,
        intercept,
        in_the_large: recalibration.in_the_large(),
        log_loss: mean(&|y, p| {
            let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            -(if y { p } else { 1.0 - p }).ln()
        }),
        brier: mean(&|y, p| (p - f64::from(u8::from(y))).powi(2)),
        mean_probability: mean(&|_, p| p),
        bins: bins(answers, probabilities),
    }
}

fn bins(answers: &[bool], probabilities: &[f64]) -> Vec<CalibrationBin> {
    let mut rows: Vec<(f64, bool)> = probabilities
        .iter()
        .copied()
        .zip(answers.iter().copied())
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let sorted: Vec<f64> = rows.iter().map(|row| row.0).collect();
    let bin = |rows: &[(f64, bool)]| {
        let positive = rows.iter().filter(|(_, good)| *good).count();
        let ends = rows.first().zip(rows.last());
        let (low, high) = ends.map_or((0.0, 1.0), |(low, high)| (low.0, high.0));
        CalibrationBin {
            low,
            high,
            rows: rows.len(),
            mean_probability: rows.iter().map(|row| row.0).sum::<f64>() / rows.len() as f64,
            positive_share: positive as f64 / rows.len() as f64,
            interval: wilson(positive, rows.len()),
        }
    };
    let bands = bands(&sorted, BINS).into_iter();
    bands.map(|(_, range)| bin(&rows[range])).collect()
}
