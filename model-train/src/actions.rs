//! How the training rows spread in the features that an applicant may change, so that a change
//! can be measured in people.

use model_core::schema::{Role, Schema};

use crate::prepare::Prepared;

/// Shares of the rows below each kept number: 1 % to 99 %. The ends would be somebody's.
const LOWEST: f64 = 0.01;
const HIGHEST: f64 = 0.99;
/// Numbers that are kept of a feature.
const QUANTILES: u32 = 33;

/// The schema, with the quantiles of the training rows for each number that may be changed,
/// rounded to its step.
pub(crate) fn measured(schema: &Schema, prepared: &Prepared) -> Schema {
    let mut schema = schema.clone();
    let inputs = schema.features.iter_mut().filter(|f| f.role == Role::Input);
    for (feature, column) in inputs.zip(&prepared.columns) {
        let is_number = feature.range().is_some();
        if let (Some(actionable), true) = (&mut feature.actionable, is_number) {
            let rows = &prepared.split.train;
            actionable.quantiles = quantiles(&column.counted(rows, rows.len()), actionable.step);
        }
    }
    schema
}

/// Of numbers with how often they come, ascending.
fn quantiles(counted: &[(f64, u32)], step: f64) -> Vec<f64> {
    let numbers = || counted.iter().filter(|(number, _)| !number.is_nan());
    let rows: f64 = numbers().map(|(_, count)| f64::from(*count)).sum();
    if rows == 0.0 {
        return Vec::new();
    }
    let mut quantiles = Vec::new();
    let (mut below, mut next) = (0.0, 0);
    for (number, count) in numbers() {
        below += f64::from(*count);
        while next < QUANTILES {
            let share = f64::from(next) / f64::from(QUANTILES - 1);
            if below < (LOWEST + (HIGHEST - LOWEST) * share) * rows {
                break;
            }
            let rounded = (number / step).round() * step;
            // The largest numbers are whole steps, as far as a number can say.
            quantiles.push(if rounded.is_finite() {
                rounded
            } else {
                *number
            });
            next += 1;
        }
    }
    quantiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_largest_numbers_are_finite() {
        let counted = [(f64::MIN, 5), (0.014, 5), (f64::MAX, 5)];
        let quantiles = quantiles(&counted, 0.01);
        assert_eq!(quantiles.first(), Some(&f64::MIN));
        assert_eq!(quantiles.last(), Some(&f64::MAX));
        assert!(quantiles.contains(&0.01));
    }
}
