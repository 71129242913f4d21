//! What is odd about the features that a model sees.

use std::fmt;

use model_core::schema::Schema;

use crate::prepare::Prepared;
use crate::values::Values;

/// Something about an input that a person should know; training goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// All rows to learn from have the same value: nothing can be learned from it.
    Constant {
        /// The feature's name.
        feature: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { feature } => write!(
                f,
                "feature '{feature}' has the same value in every row to learn from: it tells nothing; consider role = \"ignored\""
            ),
        }
    }
}

/// What is odd about the inputs in some rows, after policies.
#[must_use]
pub fn warnings(prepared: &Prepared, rows: &[usize], schema: &Schema) -> Vec<Warning> {
    let is_constant = |values: &Values| {
        let mut bits = rows.iter().map(|&row| (values[row] + 0.0).to_bits());
        bits.next()
            .is_none_or(|first| bits.all(|bits| bits == first))
    };
    let columns = schema.inputs().zip(&prepared.columns);
    columns
        .filter(|(_, values)| is_constant(values))
        .map(|(feature, _)| Warning::Constant {
            feature: feature.name.clone(),
        })
        .collect()
}
