//! What the linear models have in common: scaled columns, and weighted sums of them.

use model_core::forest::Link;
use model_core::model::{Linear, Term};

use super::{FitError, TrainingRows};
use crate::monotonic::agrees;

/// Fits until every weight has the sign that its feature's `monotonic` demands: columns
/// with the other sign are left out (a weight of 0 is monotonic), and the rest is fitted
/// again.
pub(super) fn signed(
    data: &TrainingRows<'_>,
    fit: impl Fn(&TrainingRows<'_>) -> Result<Linear, FitError>,
) -> Result<Linear, FitError> {
    let mut linear = fit(data)?;
    let mut left = data.clone();
    loop {
        let before = left.columns.len();
        let weights: Vec<f64> = linear.terms.iter().map(|term| term.weight).collect();
        let columns = std::mem::take(&mut left.columns).into_iter().zip(weights);
        let kept = columns.filter(|(column, weight)| {
            (data.monotonic(column)).is_none_or(|direction| agrees(direction, *weight))
        });
        left.columns = kept.map(|(column, _)| column).collect();
        if left.columns.len() == before || left.columns.is_empty() {
            return Ok(linear);
        }
        linear = fit(&left)?;
    }
}

/// Columns scaled to mean 0 and standard deviation 1 over the rows to fit on.
pub(super) struct Scaled {
    pub(super) columns: Vec<Vec<f64>>,
    scales: Vec<Scale>,
}

/// What a column was scaled by.
#[derive(Debug, Clone, Copy)]
struct Scale {
    mean: f64,
    /// The population's standard deviation; 1 where there is none.
    deviation: f64,
}

impl Scaled {
    /// Every row counts its weight.
    ///
    /// # Errors
    /// Names a feature whose values are too large to be squared.
    pub(super) fn new(data: &TrainingRows<'_>) -> Result<Self, FitError> {
        let mut columns = data.encoded();
        let scale = |values: &mut Vec<f64>| standardise(values, data.weights.as_deref());
        let scales: Vec<Scale> = columns.iter_mut().map(scale).collect();
        for (column, scale) in data.columns.iter().zip(&scales) {
            if !scale.mean.is_finite() || !scale.deviation.is_finite() {
                let feature = data.schema.inputs().nth(column.feature);
                let feature = feature.map_or_else(String::new, |feature| feature.name.clone());
                return Err(FitError::TooLarge { feature });
            }
        }
        Ok(Self { columns, scales })
    }

    /// Other rows, scaled as those that were fitted on.
    #[cfg(test)]
    pub(super) fn of(&self, mut columns: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        for (values, scale) in columns.iter_mut().zip(&self.scales) {
            for value in values {
                *value = (*value - scale.mean) / scale.deviation;
            }
        }
        columns
    }

    /// `weights` are those of the scaled columns.
    pub(super) fn exported(
        &self,
        data: &TrainingRows<'_>,
        weights: impl Iterator<Item = f64>,
        intercept: f64,
        link: Link,
    ) -> Linear {
        let columns = data.columns.iter().zip(&self.scales);
        let term = |((column, scale), weight): ((&super::Column, &Scale), f64)| Term {
            feature: u16::try_from(column.feature).unwrap_or(u16::MAX),
            value: column.value,
            mean: scale.mean,
            scale: scale.deviation,
            weight,
        };
        Linear {
            terms: columns.zip(weights).map(term).collect(),
            intercept,
            link,
            indicators: Vec::new(),
        }
    }
}

fn standardise(values: &mut [f64], weights: Option<&[f64]>) -> Scale {
    let mean = mean(values.iter().copied(), weights);
    let variance = self::mean(values.iter().map(|x| (x - mean).powi(2)), weights);
    let deviation = match variance.sqrt() {
        0.0 => 1.0,
        deviation => deviation,
    };
    for value in values {
        *value = (*value - mean) / deviation;
    }
    Scale { mean, deviation }
}

/// The weighted mean; every value counts 1 where there are no weights.
pub(super) fn mean(values: impl ExactSizeIterator<Item = f64>, weights: Option<&[f64]>) -> f64 {
    match weights {
        None => {
            let rows = values.len() as f64;
            values.sum::<f64>() / rows
        }
        Some(weights) => {
            let sum: f64 = values
                .zip(weights)
                .map(|(value, weight)| value * weight)
                .sum();
            sum / weights.iter().sum::<f64>()
        }
    }
}
