//! What the linear models have in common: scaled columns, and weighted sums of them.

use model_core::forest::Link;
use model_core::model::{Linear, Term};

use super::{FitError, TrainingRows};

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
