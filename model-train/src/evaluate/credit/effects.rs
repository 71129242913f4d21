//! Partial dependence: how the predicted probability moves with one input.

use model_core::schema::{Feature, FeatureKind};
use serde::{Deserialize, Serialize};

/// Inputs that are shown, the most important first.
const MOST_INPUTS: usize = 6;
/// Points of a number's curve.
const POINTS: usize = 20;
/// Categories of an input, the most frequent.
const MOST_CATEGORIES: usize = 12;
/// Rows that are averaged over, evenly spaced.
const MOST_ROWS: usize = 1000;

/// The partial dependence of one input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dependence {
    /// The input.
    pub feature: String,
    /// What people call it.
    pub label: String,
    /// Whether its values are ordered numbers.
    pub is_number: bool,
    /// Numbers ascending, categories in the order of the schema.
    pub points: Vec<DependencePoint>,
}

/// The mean probability with one input set to one value in every row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DependencePoint {
    /// The value, in the model's terms.
    pub value: f64,
    /// What people call it.
    pub name: String,
    /// The mean probability of the good outcome, weighted where rows have weights.
    pub mean_probability: f64,
}

/// For the first inputs of `names`: every row gets one value of the input after another, and
/// the predictions are averaged (Friedman, "Greedy function approximation", Annals of
/// Statistics 29, 2001; scikit-learn: `partial_dependence(method="brute")`). Values are ones
/// that rows have: numbers at twenty quantiles from the 5th to the 95th percentile.
///
/// `columns` is input after input; the averages are weighted where there are `weights`. The values
/// come from rows that count once each.
pub(in crate::evaluate) fn dependences<E>(
    features: &[&Feature],
    columns: &[f64],
    weights: Option<&[f64]>,
    names: &[&str],
    mut predict: impl FnMut(&[f64], &mut [f64]) -> Result<(), E>,
) -> Result<Vec<Dependence>, E> {
    let rows = columns.len() / features.len().max(1);
    let step = rows.div_ceil(MOST_ROWS).max(1);
    let sample: Vec<f64> = columns
        .chunks_exact(rows.max(1))
        .flat_map(|column| column.iter().step_by(step).copied())
        .collect();
    let taken = rows.div_ceil(step);
    let weights: Option<Vec<f64>> =
        weights.map(|weights| weights.iter().step_by(step).copied().collect());
    let mean = |probabilities: &[f64]| match &weights {
        None => probabilities.iter().sum::<f64>() / taken as f64,
        Some(weights) => {
            let pairs = probabilities.iter().zip(weights);
            pairs.map(|(p, weight)| p * weight).sum::<f64>() / weights.iter().sum::<f64>()
        }
    };
    let mut all = Vec::new();
    for name in names.iter().take(MOST_INPUTS) {
        let Some(input) = features.iter().position(|feature| feature.name == *name) else {
            continue;
        };
        let feature = features[input];
        let values = values(feature, &columns[input * rows..(input + 1) * rows]);
        let mut points = Vec::with_capacity(values.len());
        let mut probabilities = vec![0.0; taken];
        let mut changed = sample.clone();
        for (value, name) in values {
            changed[input * taken..(input + 1) * taken].fill(value);
            predict(&changed, &mut probabilities)?;
            points.push(DependencePoint {
                value,
                name,
                mean_probability: mean(&probabilities),
            });
        }
        if points.len() > 1 {
            all.push(Dependence {
                feature: feature.name.clone(),
                label: feature.display_label().to_owned(),
                is_number: feature.range().is_some(),
                points,
            });
        }
    }
    Ok(all)
}

/// Values to set, with their names.
fn values(feature: &Feature, column: &[f64]) -> Vec<(f64, String)> {
    let known = |value: &&f64| value.is_finite() && (feature.range().is_some() || **value >= 0.0);
    let mut sorted: Vec<f64> = column.iter().filter(known).copied().collect();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return Vec::new();
    }
    match &feature.kind {
        FeatureKind::Number(_) | FeatureKind::Integer(_) => {
            let last = (sorted.len() - 1) as f64;
            let at = |point: usize| {
                let share = 0.05 + 0.9 * point as f64 / (POINTS - 1) as f64;
                sorted[(last * share).round() as usize]
            };
            let mut values: Vec<f64> = (0..POINTS).map(at).collect();
            values.dedup();
            let name = |value: f64| (value, model_report::number::short(value));
            values.into_iter().map(name).collect()
        }
        FeatureKind::Boolean | FeatureKind::Category(_) => {
            let mut counted: Vec<(f64, usize)> = sorted
                .chunk_by(|a, b| a == b)
                .map(|same| (same[0], same.len()))
                .collect();
            counted.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
            counted.truncate(MOST_CATEGORIES);
            counted.sort_by(|a, b| a.0.total_cmp(&b.0));
            let name = |value: f64| match &feature.kind {
                FeatureKind::Category(categories) => {
                    let label = categories.labels.get(value as usize);
                    label.cloned().unwrap_or_default()
                }
                _ if value == 1.0 => "yes".to_owned(),
                _ => "no".to_owned(),
            };
            let values = counted.into_iter();
            values.map(|(value, _)| (value, name(value))).collect()
        }
    }
}
