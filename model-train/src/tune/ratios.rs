//! Ratios of two inputs that would make boosted trees better, to be written into the schema.
//!
//! A tree cuts one input at a time: what depends on a ratio takes it many cuts. Every pair of
//! numbers is screened on what boosted trees leave over; the few best are added as derived
//! inputs, one at a time, and judged by cross-validation.

use model_core::expression::Expression;
use model_core::schema::{
    Derived, Feature, FeatureKind, Mismatch, Missing, Names, OutOfRange, Purpose, Range, Schema,
};
use serde::Serialize;

use super::cross_validation::{CrossValidation, HeldOut};
use super::deal::{Dealt, FoldsBy};
use super::folds::repeats;
use super::trial::{mean_log_loss, paired};
use crate::dataset::Dataset;
use crate::fit::{ClassWeight, FitError, GradientBoosting, Params};
use crate::parallel::parallel;
use crate::prepare::PrepareError;
use crate::values::Values;

/// Training rows that are looked at: more would take longer than the search itself.
const MOST_ROWS: usize = 10_000;
/// Pairs that cross-validation judges.
const JUDGED: usize = 4;
/// Groups of about as many rows that a ratio is cut into by the screen.
const GROUPS: usize = 20;
/// Standard errors by which the loss must fall: one of four candidates passes one by chance
/// half of the time, and two hardly ever.
const STANDARD_ERRORS: f64 = 2.0;

/// A derived input that the schema lacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ratio {
    /// Its name.
    pub name: String,
    /// Its formula, as the schema writes it.
    pub formula: String,
    /// By how much the mean log loss over the folds fell.
    pub gain: f64,
    /// The standard error of `gain`, over the folds.
    pub standard_error: f64,
}

impl Ratio {
    /// The lines for the schema.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let Self { name, formula, .. } = self;
        let quoted = |text: &str| toml::Value::from(text).to_string();
        format!(
            "[[feature]]\nname = {}\ntype = \"number\"\nderived = {}\nmissing = \"native\"\n",
            quoted(name),
            quoted(formula)
        )
    }
}

/// What ratios are looked for in.
#[derive(Clone, Copy)]
pub struct RatioSearch<'a> {
    /// The rows, of which `rows` may be looked at.
    pub dataset: &'a Dataset,
    /// The schema that they were read by.
    pub schema: &'a Schema,
    /// Numbers of the training rows.
    pub rows: &'a [usize],
    /// Folds of the cross-validation.
    pub folds: usize,
    /// How rows are dealt to folds; groups stay together.
    pub folds_by: FoldsBy,
    /// Random seed.
    pub seed: u64,
    /// Weights of the classes.
    pub class_weight: ClassWeight,
    /// Number of threads.
    pub jobs: usize,
}

/// Why ratios could not be looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RatioError {
    /// A fold cannot be fitted.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A fold has nothing to learn from.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

/// A pair of inputs by their places.
#[derive(Clone, Copy)]
struct Pair {
    numerator: usize,
    denominator: usize,
    score: f64,
}

impl RatioSearch<'_> {
    /// The ratios that lowered the mean log loss by more than two standard errors, the best
    /// first; none where the rows are too few for folds. Nothing but the time depends on
    /// [`RatioSearch::jobs`].
    ///
    /// # Errors
    /// When a fold cannot be fitted.
    pub fn run(&self) -> Result<Vec<Ratio>, RatioError> {
        let rows = self.sample();
        let boosting = GradientBoosting {
            bags: 1,
            ..GradientBoosting::for_rows(rows.len())
        };
        let Some(folds) = self.cross_validation(self.dataset, self.schema, &rows)? else {
            return Ok(Vec::new());
        };
        let boosting = GradientBoosting {
            trees: folds.best_trees(&boosting, self.jobs)?,
            ..boosting
        };
        let before = self.held_out(&folds, &boosting)?;
        drop(folds);
        let mut found = Vec::new();
        for pair in self.screened(&before) {
            let Some((schema, ratio)) = self.with_ratio(pair) else {
                continue;
            };
            let mut dataset = self.dataset.clone();
            // Absent: it is computed where the policies are applied.
            let absent = self.dataset.target.iter().map(|_| f64::NAN);
            dataset.columns.push(absent.collect::<Values>());
            let Some(folds) = self.cross_validation(&dataset, &schema, &rows)? else {
                continue;
            };
            let after = self.held_out(&folds, &boosting)?;
            if let Some((mean, standard_error)) = paired(&losses(&after), &losses(&before))
                && mean < -STANDARD_ERRORS * standard_error
            {
                found.push(Ratio {
                    gain: -mean,
                    standard_error,
                    ..ratio
                });
            }
        }
        found.sort_by(|a, b| b.gain.total_cmp(&a.gain));
        Ok(found)
    }

    /// Evenly spaced rows.
    fn sample(&self) -> Vec<usize> {
        let step = self.rows.len().div_ceil(MOST_ROWS).max(1);
        self.rows.iter().step_by(step).copied().collect()
    }

    fn cross_validation<'s>(
        &self,
        dataset: &Dataset,
        schema: &'s Schema,
        rows: &[usize],
    ) -> Result<Option<CrossValidation<'s>>, PrepareError> {
        let dealt = Dealt {
            target: &self.dataset.target,
            sample: &self.dataset.sample,
            rows,
            folds: self.folds,
            by: self.folds_by,
            seed: self.seed,
        };
        // Too few rows or groups of the sample for folds: then nothing is proposed.
        let Ok(splits) = dealt.splits(repeats(rows.len())) else {
            return Ok(None);
        };
        CrossValidation::new(dataset, schema, splits, self.seed, self.class_weight).map(Some)
    }

    fn held_out(
        &self,
        folds: &CrossValidation<'_>,
        boosting: &GradientBoosting,
    ) -> Result<Vec<HeldOut>, FitError> {
        let params = Params::GradientBoosting(*boosting);
        let numbers: Vec<usize> = (0..folds.folds.len()).collect();
        let held = parallel(self.jobs, &numbers, |&fold| folds.log_odds(&params, fold));
        held.into_iter().collect()
    }

    /// The pairs that say most about what is left over, the best first.
    fn screened(&self, held: &[HeldOut]) -> Vec<Pair> {
        let left: Vec<(usize, f64, f64)> = held.iter().flat_map(left_over).collect();
        let numbers = self.numbers();
        let column = |input: usize| &self.dataset.columns[input];
        let alone: Vec<f64> = numbers
            .iter()
            .map(|input| explained(&left, |row| column(*input)[row]))
            .collect();
        let mut pairs = Vec::new();
        for (place, first) in numbers.iter().enumerate() {
            for (other, second) in numbers.iter().enumerate().skip(place + 1) {
                // Of a ratio and its inverse the order is the same: one is enough.
                let Some((numerator, denominator)) = self.oriented(*first, *second) else {
                    continue;
                };
                let (over, under) = (column(numerator), column(denominator));
                let both = explained(&left, |row| over[row] / under[row]);
                let score = both - alone[place].max(alone[other]);
                pairs.push(Pair {
                    numerator,
                    denominator,
                    score,
                });
            }
        }
        pairs.retain(|pair| pair.score > 0.0);
        pairs.sort_by(|a, b| b.score.total_cmp(&a.score));
        pairs.truncate(JUDGED);
        pairs
    }

    /// The inputs that are numbers and not derived themselves.
    fn numbers(&self) -> Vec<usize> {
        let inputs = self.schema.inputs().enumerate();
        let is_number = |(_, feature): &(usize, &Feature)| {
            feature.range().is_some() && feature.derived.is_none()
        };
        inputs.filter(is_number).map(|(input, _)| input).collect()
    }

    /// Which of two inputs is divided by the other: the one that is above 0 in every row, of two
    /// such the larger one, as in debt by income.
    fn oriented(&self, first: usize, second: usize) -> Option<(usize, usize)> {
        let sums = |input: usize| {
            let values = self
                .rows
                .iter()
                .map(|&row| self.dataset.columns[input][row]);
            let mut values = values.filter(|value| !value.is_nan());
            values.try_fold(0.0, |sum, value| (value > 0.0).then_some(sum + value))
        };
        match (sums(first), sums(second)) {
            (Some(a), Some(b)) if a > b => Some((second, first)),
            (_, Some(_)) => Some((first, second)),
            (Some(_), None) => Some((second, first)),
            (None, None) => None,
        }
    }

    /// The schema with the ratio as its last input; none where a name cannot stand in a formula
    /// or the schema has the ratio.
    fn with_ratio(&self, pair: Pair) -> Option<(Schema, Ratio)> {
        let inputs: Vec<&Feature> = self.schema.inputs().collect();
        let (over, under) = (inputs[pair.numerator], inputs[pair.denominator]);
        let formula = format!("{} / {}", over.name, under.name);
        let ratio = Ratio {
            name: format!("{}_by_{}", over.name, under.name),
            formula: formula.clone(),
            gain: 0.0,
            standard_error: 0.0,
        };
        let names = Names::new(self.schema, Purpose::Derived);
        let expression = Expression::formula(&formula, &names).ok()?.expression;
        let features = &self.schema.features;
        let is_known = features.iter().any(|feature| {
            let derived = feature.derived.as_deref();
            feature.name == ratio.name || derived.is_some_and(|known| known.formula == expression)
        });
        if is_known {
            return None;
        }
        let mut schema = self.schema.clone();
        schema.features.push(Feature {
            name: ratio.name.clone(),
            kind: FeatureKind::Number(Range {
                lower: None,
                upper: None,
                policy: OutOfRange::Error,
            }),
            missing: Missing::Native,
            monotonic: None,
            actionable: None,
            derived: Some(Box::new(Derived {
                formula: expression,
                source: formula,
                decimals: None,
                mismatch: Mismatch::Error,
            })),
            ..over.clone()
        });
        Some((schema, ratio))
    }
}

/// Of each row its number, what the model leaves over times the row's weight, and the variance of
/// that.
fn left_over(held: &HeldOut) -> impl Iterator<Item = (usize, f64, f64)> + '_ {
    let weights = held.weights.as_deref();
    let rows = held
        .rows
        .iter()
        .zip(held.answers.iter().zip(&held.log_odds));
    rows.enumerate()
        .map(move |(index, (&row, (&answer, &log_odds)))| {
            let weight = weights.map_or(1.0, |weights| weights[index]);
            let p = 1.0 / (1.0 + libm::exp(-log_odds));
            let residual = f64::from(u8::from(answer)) - p;
            (row, weight * residual, weight * weight * (p * (1.0 - p)))
        })
}

/// How much a value says about what is left over: the sum over groups of `(Σ r)² / Σ v`, less
/// the number of groups, which is what chance gives (a chi-squared statistic less its degrees of
/// freedom). Rows without the value are a group of their own.
fn explained(left: &[(usize, f64, f64)], value: impl Fn(usize) -> f64) -> f64 {
    let mut rows: Vec<(f64, f64, f64)> = left
        .iter()
        .map(|(row, residual, variance)| (value(*row), *residual, *variance))
        .collect();
    // A missing one comes last, whatever its sign; the sort keeps the rows' order among equals.
    let key = |value: f64| {
        if value.is_nan() {
            f64::NAN
        } else {
            value + 0.0
        }
    };
    rows.sort_by(|a, b| key(a.0).total_cmp(&key(b.0)));
    let statistic = |rows: &[(f64, f64, f64)]| {
        let sum: f64 = rows.iter().map(|row| row.1).sum();
        let variance: f64 = rows.iter().map(|row| row.2).sum();
        if variance > 0.0 {
            sum * sum / variance - 1.0
        } else {
            0.0
        }
    };
    let size = rows.len().div_ceil(GROUPS).max(1);
    let mut total = 0.0;
    let mut start = 0;
    while start < rows.len() {
        // Equal values stay together.
        let mut end = (start + size).min(rows.len());
        while end < rows.len() && is_same(rows[end].0, rows[end - 1].0) {
            end += 1;
        }
        total += statistic(&rows[start..end]);
        start = end;
    }
    total
}

fn is_same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

/// The mean log loss of each fold, weighted where rows have weights.
fn losses(held: &[HeldOut]) -> Vec<f64> {
    let loss = |fold: &HeldOut| {
        let rows = fold.answers.iter().zip(&fold.log_odds);
        mean_log_loss(
            rows.map(|(answer, log_odds)| (*answer, *log_odds)),
            fold.weights.as_deref(),
        )
    };
    held.iter().map(loss).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(times: [usize; 4], weights: Option<Vec<f64>>) -> HeldOut {
        let answers = [true, false, false, true];
        let log_odds = [0.5, -1.0, 2.0, -0.25];
        let rows = (0..4).flat_map(|row| std::iter::repeat_n(row, times[row]));
        let rows: Vec<usize> = rows.collect();
        HeldOut {
            answers: rows.iter().map(|row| answers[*row]).collect(),
            log_odds: rows.iter().map(|row| log_odds[*row]).collect(),
            weights,
            rows,
        }
    }

    /// A weight of three is three rows for the loss; of what chance does to the rows, only the
    /// ratios of the weights matter.
    #[test]
    fn ratios_are_judged_by_weight() {
        let weighted = held([1; 4], Some(vec![3.0, 1.0, 2.0, 1.0]));
        let repeated = losses(&[held([3, 1, 2, 1], None)])[0];
        assert!((losses(&[weighted])[0] - repeated).abs() < 1e-12);
        let says = |weights: Option<Vec<f64>>| {
            let left: Vec<_> = left_over(&held([1; 4], weights)).collect();
            explained(&left, |row| (row / 2) as f64)
        };
        let plain = says(None);
        assert!((says(Some(vec![2.5; 4])) - plain).abs() < 1e-12);
        assert!((says(Some(vec![3.0, 1.0, 2.0, 1.0])) - plain).abs() > 0.01);
    }
}
