//! The coefficients of a linear model, with standard errors and variance inflation.

use model_core::artifact::Artifact;
use model_core::forest::Link;
use model_core::model::{Condition, Linear, Model, TermValue};
use model_core::schema::{Feature, FeatureKind};
use serde::{Deserialize, Serialize};

use crate::calibrate;

/// Most terms whose standard errors are computed: a matrix of their square is inverted.
const MOST_TERMS: usize = 400;

/// A linear model, term by term.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coefficients {
    /// `logistic`, where the terms add up to log odds, or `identity`, as ridge before its
    /// calibration.
    pub link: String,
    /// The sum where every scaled input is at its mean of the training rows.
    pub intercept: f64,
    /// In the order of the model.
    pub terms: Vec<LinearTerm>,
    /// The training rows that the errors come from; none where those rows are not at hand.
    pub rows: Option<usize>,
}

/// One addend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearTerm {
    /// The input.
    pub feature: String,
    /// What people call it.
    pub label: String,
    /// The category, `missing` or the cut that the term is about; none of a number itself.
    pub value: Option<String>,
    /// What one unit of the input adds, or what holding adds. Above 0 is towards the good outcome.
    pub coefficient: f64,
    /// What one standard deviation of the training rows adds; the coefficient itself where the
    /// term is about a condition.
    pub per_deviation: f64,
    /// Of `coefficient`; see [`linear_errors`].
    pub standard_error: Option<f64>,
    /// `1 / (1 - R²)` of the term's column on the others; none where it is not finite, or where
    /// the term is the most frequent category of its input, which the others are set against.
    pub variance_inflation: Option<f64>,
}

/// The scaled columns of training rows.
#[derive(Debug, Clone, Copy)]
pub struct Design<'a> {
    /// Column after column, as many numbers each.
    pub columns: &'a [Vec<f64>],
    /// How much each row counts; none where all count the same.
    pub weights: Option<&'a [f64]>,
}

/// Training rows as the model sees them.
#[derive(Debug, Clone, Copy)]
pub struct TrainedOn<'a> {
    /// Input after input, one value a row, with what was missing filled in.
    pub inputs: &'a [Vec<f64>],
    /// How much each row counts; none where all count the same.
    pub weights: Option<&'a [f64]>,
    /// The weight of the L2 penalty.
    pub alpha: f64,
}

/// The terms of a linear model; `None` of any other. `rows` give the errors and the inflation of a
/// logistic regression.
#[must_use]
pub fn coefficients(artifact: &Artifact, rows: Option<TrainedOn<'_>>) -> Option<Coefficients> {
    let Model::Linear(linear) = &artifact.model else {
        return None;
    };
    let inputs: Vec<&Feature> = artifact.schema.inputs().collect();
    let mut terms = named_terms(linear, &inputs);
    let cuts = |indicator: &model_core::model::Indicator| {
        matches!(indicator.condition, Condition::Above(_))
    };
    // What a bin's column was scaled by is not stored, and the penalty depends on it.
    let computable = linear.link == Link::Logistic
        && terms.len() <= MOST_TERMS
        && !linear.indicators.iter().any(cuts);
    let rows = rows.filter(|_| computable);
    if let Some(rows) = rows {
        let columns = design(linear, rows.inputs);
        let design = Design {
            columns: &columns,
            weights: rows.weights,
        };
        let per_column = |linear: &Linear| -> Vec<f64> {
            let terms = linear.terms.iter().map(|term| term.weight);
            terms
                .chain(linear.indicators.iter().map(|i| i.weight))
                .collect()
        };
        let weights = per_column(linear);
        let errors = linear_errors(design, linear.intercept, &weights, rows.alpha);
        let scales = linear.terms.iter().map(|term| term.scale);
        let scales = scales.chain(linear.indicators.iter().map(|_| 1.0));
        if let Some(errors) = errors {
            for ((term, error), scale) in terms.iter_mut().zip(errors).zip(scales) {
                term.standard_error = Some(error / scale);
            }
        }
        let kept = without_references(linear, &columns);
        let of_kept: Vec<Vec<f64>> = kept.iter().map(|&at| columns[at].clone()).collect();
        let of_kept = Design {
            columns: &of_kept,
            weights: rows.weights,
        };
        for (&at, inflation) in kept.iter().zip(variance_inflation(of_kept)) {
            terms[at].variance_inflation = inflation;
        }
    }
    Some(Coefficients {
        link: match calibrate::before(artifact).model.link() {
            Link::Logistic | Link::Sigmoid => "logistic",
            Link::Identity => "identity",
        }
        .to_owned(),
        intercept: linear.intercept,
        terms,
        rows: rows.and_then(|rows| rows.inputs.first().map(Vec::len)),
    })
}

fn named_terms(linear: &Linear, inputs: &[&Feature]) -> Vec<LinearTerm> {
    let term = |feature: u16, value: Option<String>, coefficient: f64, per_deviation: f64| {
        let input = inputs.get(usize::from(feature));
        LinearTerm {
            feature: input.map_or_else(String::new, |f| f.name.clone()),
            label: input.map_or_else(String::new, |f| f.display_label().to_owned()),
            value,
            coefficient,
            per_deviation,
            standard_error: None,
            variance_inflation: None,
        }
    };
    let category = |feature: u16, code: u32| {
        let kind = inputs.get(usize::from(feature)).map(|f| &f.kind);
        match kind {
            Some(FeatureKind::Category(c)) => c.labels.get(code as usize).cloned(),
            _ => None,
        }
    };
    let terms = linear.terms.iter().map(|own| match own.value {
        TermValue::Itself => term(own.feature, None, own.weight / own.scale, own.weight),
        TermValue::IsCategory(code) => {
            let name = category(own.feature, code);
            let each = own.weight / own.scale;
            term(own.feature, name, each, each)
        }
    });
    let indicators = linear.indicators.iter().map(|own| {
        let name = match own.condition {
            Condition::Missing => "missing".to_owned(),
            Condition::Above(cut) => format!("above {}", model_report::number::short(cut)),
        };
        term(own.feature, Some(name), own.weight, own.weight)
    });
    terms.chain(indicators).collect()
}

/// The columns that the weights multiply.
fn design(linear: &Linear, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let terms = linear.terms.iter().map(|term| {
        let scaled = |x: &f64| {
            let x = match term.value {
                TermValue::Itself => *x,
                TermValue::IsCategory(code) => f64::from(u8::from(*x == f64::from(code))),
            };
            let z = (x - term.mean) / term.scale;
            if z.is_nan() { 0.0 } else { z }
        };
        inputs[usize::from(term.feature)]
            .iter()
            .map(scaled)
            .collect()
    });
    let indicators = linear.indicators.iter().map(|indicator| {
        let values = inputs[usize::from(indicator.feature)].iter();
        let holds = values.map(|x| f64::from(u8::from(indicator.condition.holds(*x))));
        holds.collect()
    });
    terms.chain(indicators).collect()
}

/// The columns without the most frequent category of each input: all of them add up to one.
fn without_references(linear: &Linear, columns: &[Vec<f64>]) -> Vec<usize> {
    let mut references: Vec<(u16, usize, f64)> = Vec::new();
    for (at, term) in linear.terms.iter().enumerate() {
        if !matches!(term.value, TermValue::IsCategory(_)) {
            continue;
        }
        // The mean of a category's column is its share, whatever the rows.
        let share = term.mean;
        match references
            .iter_mut()
            .find(|(feature, ..)| *feature == term.feature)
        {
            Some(reference) if share > reference.2 => *reference = (term.feature, at, share),
            Some(_) => {}
            None => references.push((term.feature, at, share)),
        }
    }
    let is_reference = |at: &usize| references.iter().any(|(_, reference, _)| reference == at);
    (0..columns.len()).filter(|at| !is_reference(at)).collect()
}

/// The standard errors of the weights of a logistic regression, the intercept's left out: the
/// roots of the diagonal of `H⁻¹ F H⁻¹`, with the Fisher information `F = Xᵀ W X` at the fitted
/// weights and `H = F + α` on all but the intercept. Without a penalty they are those of maximum
/// likelihood (statsmodels: `Logit(...).fit().bse`). Where rows have weights, `W` has them too, and
/// the errors are those of as many rows as the weights are worth: `F` between the inverses is
/// multiplied by `Σw² / Σw`, so that of equal weights nothing is left. `None` where `H` cannot be
/// inverted.
#[must_use]
pub fn linear_errors(
    design: Design<'_>,
    intercept: f64,
    weights: &[f64],
    alpha: f64,
) -> Option<Vec<f64>> {
    let size = design.columns.len() + 1;
    let rows = design.columns.first()?.len();
    let mut fisher = vec![vec![0.0; size]; size];
    let mut row = vec![1.0; size];
    for index in 0..rows {
        let mut margin = intercept;
        for (place, column) in design.columns.iter().enumerate() {
            row[place + 1] = column[index];
            margin += weights[place] * column[index];
        }
        let p = Link::Logistic.apply(margin);
        let weight = p * (1.0 - p) * design.weights.map_or(1.0, |weights| weights[index]);
        for (a, of_a) in fisher.iter_mut().enumerate() {
            for (b, sum) in of_a.iter_mut().enumerate().take(a + 1) {
                *sum += weight * row[a] * row[b];
            }
        }
    }
    let mut hessian = vec![vec![0.0; size]; size];
    for a in 0..size {
        for b in 0..=a {
            fisher[b][a] = fisher[a][b];
            let penalty = if a == b && a > 0 { alpha } else { 0.0 };
            hessian[a][b] = fisher[a][b] + penalty;
            hessian[b][a] = hessian[a][b];
        }
    }
    let inverse = inverted(hessian)?;
    let worth = design.weights.map_or(1.0, |weights| {
        let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
        squares / weights.iter().sum::<f64>()
    });
    let variance = |of: usize| -> f64 {
        let own = &inverse[of];
        let sums = fisher.iter().zip(own).map(|(row, a)| {
            let inner: f64 = row.iter().zip(own).map(|(f, b)| f * b).sum();
            a * inner
        });
        sums.sum()
    };
    let error = |of: usize| (worth * variance(of).max(0.0)).sqrt();
    Some((1..size).map(error).collect())
}

/// The diagonal of the inverse of the columns' correlation matrix (statsmodels:
/// `variance_inflation_factor` with a constant), weighted where rows have weights; none where
/// columns determine each other.
#[must_use]
pub fn variance_inflation(design: Design<'_>) -> Vec<Option<f64>> {
    let Design { columns, weights } = design;
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let standardised: Vec<Vec<f64>> = columns
        .iter()
        .map(|column| {
            let rows = || column.iter().enumerate();
            let all: f64 = rows().map(|(row, _)| weight(row)).sum();
            let mean = rows().map(|(row, x)| weight(row) * x).sum::<f64>() / all;
            let square = rows().map(|(row, x)| weight(row) * (x - mean).powi(2));
            let square: f64 = square.sum();
            // The product of two such columns is their weighted correlation.
            let of_row = |(row, x): (usize, &f64)| weight(row).sqrt() * (x - mean) / square.sqrt();
            rows().map(of_row).collect()
        })
        .collect();
    let constant = |column: &Vec<f64>| column.iter().any(|z| !z.is_finite());
    let kept: Vec<usize> = (0..columns.len())
        .filter(|&at| !constant(&standardised[at]))
        .collect();
    let correlation = |a: &Vec<f64>, b: &Vec<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum();
    let matrix: Vec<Vec<f64>> = kept
        .iter()
        .map(|&a| {
            let others = kept.iter();
            others
                .map(|&b| correlation(&standardised[a], &standardised[b]))
                .collect()
        })
        .collect();
    let mut answer = vec![None; columns.len()];
    if let Some(inverse) = inverted(matrix) {
        for (place, &at) in kept.iter().enumerate() {
            answer[at] = Some(inverse[place][place]).filter(|vif| vif.is_finite());
        }
    }
    answer
}

/// Gauss and Jordan's elimination with partial pivoting; `None` of a singular matrix.
fn inverted(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let size = matrix.len();
    let mut inverse: Vec<Vec<f64>> = (0..size)
        .map(|row| (0..size).map(|at| f64::from(u8::from(row == at))).collect())
        .collect();
    let largest = matrix
        .iter()
        .flatten()
        .fold(0.0f64, |max, x| max.max(x.abs()));
    for at in 0..size {
        let pivot = (at..size).max_by(|a, b| {
            let [a, b] = [a, b].map(|row| matrix[*row][at].abs());
            a.total_cmp(&b)
        })?;
        let head = matrix[pivot][at];
        if head.is_nan() || head.abs() <= largest * 1e-12 {
            return None;
        }
        matrix.swap(at, pivot);
        inverse.swap(at, pivot);
        for side in [&mut matrix, &mut inverse] {
            side[at].iter_mut().for_each(|x| *x /= head);
        }
        let (of_matrix, of_inverse) = (matrix[at].clone(), inverse[at].clone());
        for row in (0..size).filter(|row| *row != at) {
            let factor = matrix[row][at];
            for (side, pivot) in [(&mut matrix, &of_matrix), (&mut inverse, &of_inverse)] {
                for (x, p) in side[row].iter_mut().zip(pivot) {
                    *x -= factor * p;
                }
            }
        }
    }
    Some(inverse)
}
