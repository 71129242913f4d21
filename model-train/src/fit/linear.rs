//! What the linear models have in common: scaled columns, and weighted sums of them.

use model_core::forest::Link;
use model_core::model::{Condition, Indicator, Linear, Term, TermValue};
use model_core::schema::Missing;

use super::{FitError, TrainingRows};
use crate::monotonic::agrees;
use crate::values::Values;

/// Fits until every weight has the sign that its feature's `monotonic` demands: columns
/// with the other sign are left out (a weight of 0 is monotonic), and the rest is fitted
/// again. Where none is left the model answers the same everybody.
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
        if left.columns.len() == before {
            return Ok(linear);
        }
        if left.columns.is_empty() {
            return Ok(constant(data, linear));
        }
        linear = fit(&left)?;
    }
}

/// The model without its weights: the share of the rows that are a yes.
fn constant(data: &TrainingRows<'_>, mut linear: Linear) -> Linear {
    let answers = data.answers.iter().map(|yes| f64::from(u8::from(*yes)));
    let share = mean(answers, data.weights.as_deref());
    linear.intercept = match linear.link {
        Link::Identity => share,
        Link::Logistic | Link::Sigmoid => (share / (1.0 - share)).ln(),
    };
    linear.terms.iter_mut().for_each(|term| term.weight = 0.0);
    linear.indicators.clear();
    linear
}

/// Columns scaled to mean 0 over the rows to fit on, numbers also to standard deviation 1. Columns
/// that say which category it is keep their size: scaled, a category of ten rows would be worth a
/// hundred times as much as its rows can show. What is missing is the mean, and where a schema
/// gives missing values to the model, a column more says so.
pub(super) struct Scaled {
    /// Those of the data, then those of [`Scaled::conditions`].
    pub(super) columns: Vec<Vec<f64>>,
    scales: Vec<Scale>,
    /// By the number of their input.
    conditions: Vec<(u16, Condition)>,
}

/// What a column was scaled by.
#[derive(Debug, Clone, Copy)]
struct Scale {
    mean: f64,
    /// The population's standard deviation; 1 where there is none.
    deviation: f64,
}

impl Scaled {
    /// Every row counts its weight. Numbers are cut into so many bins beside.
    ///
    /// # Errors
    /// Names a feature whose values are too large to be squared.
    pub(super) fn new(data: &TrainingRows<'_>, bins: usize) -> Result<Self, FitError> {
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
        let conditions = conditions(data, bins);
        for (input, condition) in &conditions {
            let values = &data.prepared.columns[usize::from(*input)];
            let holds = |row: &usize| f64::from(u8::from(condition.holds(values[*row])));
            let mut values: Vec<f64> = data.rows.iter().map(holds).collect();
            scales.push(centered(&mut values, weights));
            columns.push(values);
        }
        Ok(Self {
            columns,
            scales,
            conditions,
        })
    }

    /// The conditions of every row, 0 or 1, before they are scaled.
    #[cfg(test)]
    pub(super) fn held(&self, prepared: &crate::prepare::Prepared) -> Vec<Vec<f64>> {
        let column = |(input, condition): &(u16, Condition)| {
            let values = prepared.columns[usize::from(*input)].iter();
            let holds = values.map(|value| f64::from(u8::from(condition.holds(*value))));
            holds.collect()
        };
        self.conditions.iter().map(column).collect()
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
        mut weights: Vec<f64>,
        intercept: f64,
        link: Link,
    ) -> Linear {
        let of_conditions = weights.split_off(data.columns.len().min(weights.len()));
        let columns = data.columns.iter().zip(&self.scales);
        let scales = self.scales.iter().skip(data.columns.len());
        let centers: f64 = of_conditions
            .iter()
            .zip(scales)
            .map(|(w, s)| w * s.mean)
            .sum();
        let indicator = |(&(feature, condition), weight): (&(u16, Condition), f64)| Indicator {
            feature,
            condition,
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
            indicators: (self.conditions.iter().zip(of_conditions))
                .map(indicator)
                .collect(),
        }
    }
}

/// What linear models are asked about beside the values: whether one is missing, where the model
/// sees that and some but not all rows have it, and whether a number is above each of its cuts.
fn conditions(data: &TrainingRows<'_>, bins: usize) -> Vec<(u16, Condition)> {
    let mut conditions = Vec::new();
    for ((place, input), values) in (0u16..)
        .zip(data.schema.inputs())
        .zip(&data.prepared.columns)
    {
        let is_missing = |row: &usize| values[*row].is_nan();
        if input.missing == Missing::Native
            && data.rows.iter().any(is_missing)
            && !data.rows.iter().all(is_missing)
        {
            conditions.push((place, Condition::Missing));
        }
        // What a bin adds could turn the direction that the line has.
        if input.range().is_some() && input.monotonic.is_none() {
            let cuts = cuts(values, data.rows, bins);
            conditions.extend(cuts.into_iter().map(|cut| (place, Condition::Above(cut))));
        }
    }
    conditions
}

/// Where a number is cut into so many bins of about as many rows; none of them is empty.
fn cuts(values: &Values, rows: &[usize], bins: usize) -> Vec<f64> {
    let counted = values.counted(rows, rows.len());
    let all: u64 = counted.iter().map(|(_, count)| u64::from(*count)).sum();
    let mut cuts = Vec::new();
    let mut seen = 0;
    for (number, count) in counted {
        seen += u64::from(count);
        let wanted = (cuts.len() as u64 + 1) * all;
        if seen * bins as u64 >= wanted && seen < all {
            cuts.push(number);
        }
    }
    cuts
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
