//! What the linear models have in common: scaled columns, and weighted sums of them.

use model_core::forest::Link;
use model_core::model::{Condition, Indicator, Linear, Term, TermValue};
use model_core::schema::Missing;

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

/// Columns scaled to mean 0 over the rows to fit on, numbers also to standard deviation 1. Columns
/// that say which category it is keep their size: scaled, a category of ten rows would be worth a
/// hundred times as much as its rows can show. What is missing is the mean, and where a schema
/// gives missing values to the model, a column more says so.
pub(super) struct Scaled {
    /// Those of the data, then those of [`Scaled::missing`].
    pub(super) columns: Vec<Vec<f64>>,
    scales: Vec<Scale>,
    /// Inputs with some values missing.
    missing: Vec<u16>,
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
        let weights = data.weights.as_deref();
        let scaled = columns.iter_mut().zip(&data.columns);
        let mut scales: Vec<Scale> = scaled
            .map(|(values, column)| match column.value {
                TermValue::Itself => standardise(values, weights),
                TermValue::IsCategory(_) => {
                    // A missing value is no category.
                    values.iter_mut().for_each(|x| *x = x.max(0.0));
                    centered(values, weights)
                }
            })
            .collect();
        for (column, scale) in data.columns.iter().zip(&scales) {
            if !scale.mean.is_finite() || !scale.deviation.is_finite() {
                let feature = data.schema.inputs().nth(column.feature);
                let feature = feature.map_or_else(String::new, |feature| feature.name.clone());
                return Err(FitError::TooLarge { feature });
            }
        }
        let mut missing = Vec::new();
        for (input, mut values) in missing_values(data) {
            scales.push(centered(&mut values, weights));
            columns.push(values);
            missing.push(input);
        }
        Ok(Self {
            columns,
            scales,
            missing,
        })
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
        let mut weights = weights.collect::<Vec<f64>>();
        let of_missing = weights.split_off(data.columns.len().min(weights.len()));
        let columns = data.columns.iter().zip(&self.scales);
        let scales = self.scales.iter().skip(data.columns.len());
        let centers: f64 = of_missing.iter().zip(scales).map(|(w, s)| w * s.mean).sum();
        let indicator = |(&feature, weight): (&u16, f64)| Indicator {
            feature,
            condition: Condition::Missing,
            weight,
        };
        let term = |((column, scale), weight): ((&super::Column, &Scale), f64)| Term {
            feature: u16::try_from(column.feature).unwrap_or(u16::MAX),
            value: column.value,
            mean: scale.mean,
            scale: scale.deviation,
            weight,
        };
        Linear {
            terms: columns.zip(weights).map(term).collect(),
            intercept: intercept - centers,
            link,
            indicators: self.missing.iter().zip(of_missing).map(indicator).collect(),
        }
    }
}

/// Inputs whose missing values the model sees, where some but not all rows have none: 1 where it
/// is missing.
fn missing_values(data: &TrainingRows<'_>) -> Vec<(u16, Vec<f64>)> {
    let inputs = (0u16..).zip(data.schema.inputs());
    let native = inputs.filter(|(_, input)| input.missing == Missing::Native);
    let columns = native.map(|(index, _)| {
        let values = &data.prepared.columns[usize::from(index)];
        let rows = data.rows.iter();
        let is_missing = rows.map(|&row| f64::from(values[row].is_nan()));
        (index, is_missing.collect::<Vec<f64>>())
    });
    columns
        .filter(|(_, values)| values.contains(&1.0) && values.contains(&0.0))
        .collect()
}

/// To mean 0.
fn centered(values: &mut [f64], weights: Option<&[f64]>) -> Scale {
    let mean = mean(values.iter().copied(), weights);
    values.iter_mut().for_each(|value| *value -= mean);
    Scale {
        mean,
        deviation: 1.0,
    }
}

/// The mean and the deviation of the values that are there; a missing one becomes the mean.
fn standardise(values: &mut [f64], weights: Option<&[f64]>) -> Scale {
    let missing: Vec<usize> = (0..values.len())
        .filter(|&row| values[row].is_nan())
        .collect();
    if missing.is_empty() {
        return standardise_all(values, weights);
    }
    let there = |row: &usize| !values[*row].is_nan();
    let rows: Vec<usize> = (0..values.len()).filter(there).collect();
    let of_rows = |all: &[f64]| rows.iter().map(|&row| all[row]).collect::<Vec<f64>>();
    let (mut present, weights) = (of_rows(values), weights.map(of_rows));
    if present.is_empty() {
        values.fill(0.0);
        return Scale {
            mean: 0.0,
            deviation: 1.0,
        };
    }
    let scale = standardise_all(&mut present, weights.as_deref());
    values.fill(0.0);
    for (row, value) in rows.into_iter().zip(present) {
        values[row] = value;
    }
    scale
}

fn standardise_all(values: &mut [f64], weights: Option<&[f64]>) -> Scale {
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
