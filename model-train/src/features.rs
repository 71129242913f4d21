//! Which features a model may see, and what is odd about them.

use std::fmt;

use model_core::schema::{Role, Schema};

use crate::prepare::Prepared;
use crate::values::Values;

/// A schema whose inputs were chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    /// The same features in the same order; the chosen ones are inputs, the inputs that were
    /// not chosen are ignored.
    pub schema: Schema,
    /// The protected ones among the chosen.
    pub protected: Vec<String>,
}

/// Why features could not be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// The list is empty.
    #[error("no features were chosen, expected at least one")]
    None,
    /// No such feature.
    #[error("the schema has no feature '{name}'{}", hint(.nearest.as_deref()))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
    },
    /// The target.
    #[error("'{name}' is the target: it is what the model answers")]
    Target {
        /// Its name.
        name: String,
    },
    /// A feature that the schema ignores.
    #[error("'{name}' has role = \"ignored\" in the schema: give it role = \"input\" to use it")]
    Ignored {
        /// Its name.
        name: String,
    },
    /// A protected feature.
    #[error(
        "'{name}' is protected: a decision must not depend on it; with --allow-protected it may, and the model says so"
    )]
    Protected {
        /// Its name.
        name: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean '{name}'?"))
}

/// What to do about protected features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtectedInputs {
    /// Refuse them.
    Refuse,
    /// Use them, and say so.
    Allow,
}

/// Makes the named features the only inputs.
///
/// # Errors
/// Names the feature that cannot be an input.
pub fn select(
    schema: &Schema,
    names: &[String],
    protected_inputs: ProtectedInputs,
) -> Result<Selected, FeatureError> {
    if names.is_empty() {
        return Err(FeatureError::None);
    }
    let mut protected = Vec::new();
    for name in names {
        let named = || name.clone();
        if *name == schema.target.name {
            return Err(FeatureError::Target { name: named() });
        }
        let feature = schema.features.iter().find(|feature| feature.name == *name);
        match feature.map(|feature| feature.role) {
            Some(Role::Input) => {}
            Some(Role::Ignored) => return Err(FeatureError::Ignored { name: named() }),
            Some(Role::Protected) if protected_inputs == ProtectedInputs::Allow => {
                protected.push(named());
            }
            Some(Role::Protected) => return Err(FeatureError::Protected { name: named() }),
            None => {
                let nearest = schema.nearest_feature(name).map(str::to_owned);
                return Err(FeatureError::Unknown {
                    name: named(),
                    nearest,
                });
            }
        }
    }
    let mut schema = schema.clone();
    for feature in &mut schema.features {
        feature.role = match feature.role {
            _ if names.contains(&feature.name) => Role::Input,
            Role::Input => Role::Ignored,
            other => other,
        };
        if feature.role != Role::Input {
            // Nobody is told to change what the model does not see.
            feature.actionable = None;
        }
    }
    let inputs: Vec<bool> = (schema.features.iter())
        .map(|feature| feature.role == Role::Input)
        .collect();
    for (feature, &is_input) in schema.features.iter_mut().zip(&inputs) {
        let fields = (feature.derived.iter()).flat_map(|derived| derived.formula.fields());
        let can_be_computed =
            is_input && fields.into_iter().all(|field| inputs[usize::from(field)]);
        // Without what its formula needs, a derived field is an input like any other.
        if !can_be_computed {
            feature.derived = None;
        }
    }
    Ok(Selected { schema, protected })
}

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
