//! What each row would cost if it were decided wrongly.

use model_core::artifact::Artifact;
use model_core::details::{Details, ThresholdRule};
use model_core::schema::{Feature, Schema};

use super::cost::Stakes;
use super::{CostTerms, LossGivenDefault};
use crate::dataset::Dataset;
use crate::evaluate::{EvaluateError, Options};
use crate::threshold::MOST_COST;
use crate::values::Values;

/// What was asked for, else what the threshold was chosen by, where that was a cost.
pub(in crate::evaluate) fn cost_terms(
    artifact: &Artifact,
    options: &Options,
) -> Result<Option<CostTerms>, EvaluateError> {
    if options.cost.is_some() {
        return Ok(options.cost.clone());
    }
    let details = Details::from_artifact(artifact)?;
    Ok(match details.threshold_rule {
        ThresholdRule::Cost {
            false_positive,
            false_negative,
        } => Some(CostTerms {
            false_positive,
            false_negative,
            exposure: None,
            loss_given_default: None,
        }),
        _ => None,
    })
}

/// The greatest cost or exposure: the sums of squares of their products are numbers still.
const MOST: f64 = MOST_COST;

/// Reads exposure and loss given default from the columns of the data set.
///
/// # Errors
/// When a cost is not above 0 or beyond 1e15, a column is no number of the schema's inputs or protected
/// columns, or a value is missing or out of range; names the column and the row.
pub(in crate::evaluate) fn stakes(
    terms: CostTerms,
    schema: &Schema,
    dataset: &Dataset,
    rows: &[usize],
) -> Result<Stakes, EvaluateError> {
    for (kind, cost) in [
        ("false positive", terms.false_positive),
        ("false negative", terms.false_negative),
    ] {
        if !(cost > 0.0 && cost <= MOST) {
            return Err(EvaluateError::Cost(format!(
                "the cost of a {kind} is {cost:?}, expected a number above 0, at most {MOST:e}"
            )));
        }
    }
    let amounts = |name: &str, most: f64| amounts(name, most, schema, dataset, rows);
    let exposure = match &terms.exposure {
        Some(column) => amounts(column, MOST)?,
        None => vec![1.0; rows.len()],
    };
    let lost = match &terms.loss_given_default {
        Some(LossGivenDefault::Column(column)) => amounts(column, 1.0)?,
        Some(LossGivenDefault::Share(share)) if (0.0..=1.0).contains(share) => {
            vec![*share; rows.len()]
        }
        Some(LossGivenDefault::Share(share)) => {
            return Err(EvaluateError::Cost(format!(
                "the loss given default is {share}, expected a share from 0 to 1 or a column"
            )));
        }
        None => vec![1.0; rows.len()],
    };
    let of_error = rows
        .iter()
        .zip(exposure)
        .zip(lost)
        .map(|((&row, exposure), lost)| {
            if dataset.target[row] {
                terms.false_negative * exposure
            } else {
                terms.false_positive * exposure * lost
            }
        })
        .collect();
    Ok(Stakes { terms, of_error })
}

/// The values of a column of numbers, each from 0 to `most`.
fn amounts(
    name: &str,
    most: f64,
    schema: &Schema,
    dataset: &Dataset,
    rows: &[usize],
) -> Result<Vec<f64>, EvaluateError> {
    let inputs = schema.inputs().zip(&dataset.columns);
    let protected = (dataset.protected.iter()).map(|column| (&column.feature, &column.values));
    let columns: Vec<(&Feature, &Values)> = inputs
        .chain(protected)
        .filter(|(feature, _)| feature.range().is_some())
        .collect();
    let Some((_, values)) = columns.iter().find(|(feature, _)| feature.name == name) else {
        let known: Vec<&str> = columns.iter().map(|(f, _)| f.name.as_str()).collect();
        return Err(EvaluateError::Cost(format!(
            "'{name}' is not a column of numbers that the model's schema reads, expected one of {}",
            known.join(", ")
        )));
    };
    let expected = if most == 1.0 {
        "a share from 0 to 1"
    } else {
        "an amount from 0 to 1e15"
    };
    rows.iter()
        .map(|&row| match values[row] {
            value if (0.0..=most).contains(&value) => Ok(value),
            value => Err(EvaluateError::Cost(format!(
                "column '{name}', row {row}: the value is {}, expected {expected}",
                if value.is_nan() {
                    "missing".to_owned()
                } else {
                    value.to_string()
                }
            ))),
        })
        .collect()
}
