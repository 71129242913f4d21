//! What an expression may name.

use super::{FeatureKind, Role, Schema};
use crate::expression::{FieldType, Meaning, Vocabulary};

/// The names that an expression may use, by a schema.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    schema: &'a Schema,
    purpose: Purpose,
}

/// What an expression is for, and so what it may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The condition of a lending rule.
    Rule {
        /// Whether it may name the model's `probability`.
        after_model: bool,
        /// Whether it may name protected columns.
        allow_protected: bool,
    },
    /// The formula of a derived field: `min`, `max` and `log` too, no probability.
    Derived,
}

impl<'a> Names<'a> {
    /// The names of a schema's fields.
    #[must_use]
    pub fn new(schema: &'a Schema, purpose: Purpose) -> Self {
        Self { schema, purpose }
    }

    /// The type of every field by its place, then that of the probability; `None` for those
    /// that may not be named. This is what [`crate::expression::Expression::check`] takes.
    #[must_use]
    #[inline(never)]
    pub fn types(&self) -> Vec<Option<FieldType>> {
        let features = self.schema.features.iter().map(|feature| {
            let visible = match feature.role {
                Role::Input => true,
                Role::Protected => self.allows_protected(),
                Role::Ignored => false,
            };
            visible.then_some(match &feature.kind {
                FeatureKind::Number(_) | FeatureKind::Integer(_) => FieldType::Number,
                FeatureKind::Boolean => FieldType::Boolean,
                FeatureKind::Category(categories) => FieldType::Category(categories.values.len()),
            })
        });
        let probability = self.allows_probability().then_some(FieldType::Number);
        features.chain([probability]).collect()
    }

    fn allows_probability(&self) -> bool {
        matches!(self.purpose, Purpose::Rule { after_model, .. } if after_model)
    }

    fn allows_protected(&self) -> bool {
        matches!(self.purpose, Purpose::Rule { allow_protected, .. } if allow_protected)
    }

    fn probability(&self) -> Result<Meaning<'a>, String> {
        match self.purpose {
            Purpose::Rule { after_model, .. } if after_model => {
                Ok(Meaning::Number(self.schema.features.len() as u16))
            }
            Purpose::Rule { .. } => Err(
                "'probability' is known only after the model: give the rule stage = \"after\""
                    .into(),
            ),
            Purpose::Derived => Err(
                "'probability' is no input: a derived field is computed before the model".into(),
            ),
        }
    }

    fn protected(&self, name: &str) -> String {
        match self.purpose {
            Purpose::Rule { .. } => format!(
                "'{name}' is a protected column: leave it out, or set allow_protected = true in [policy], which the model card then states"
            ),
            Purpose::Derived => {
                format!("'{name}' is a protected column: no input may be computed from it")
            }
        }
    }

    fn unknown(&self, name: &str) -> String {
        if name == self.schema.target.name {
            return format!("'{name}' is what the model answers: it is no input");
        }
        match self.schema.nearest_feature(name) {
            Some(nearest) => format!("unknown name '{name}': did you mean '{nearest}'?"),
            None => format!("unknown name '{name}': the schema has no such feature"),
        }
    }
}

impl Vocabulary for Names<'_> {
    fn allows_functions(&self) -> bool {
        self.purpose == Purpose::Derived
    }

    fn find(&self, name: &str, quoted: bool) -> Result<Meaning<'_>, String> {
        if name == "probability" && !quoted {
            return self.probability();
        }
        let Some(place) = self.schema.features.iter().position(|f| f.name == name) else {
            return Err(self.unknown(name));
        };
        let feature = &self.schema.features[place];
        match feature.role {
            Role::Ignored => {
                return Err(format!(
                    "the schema ignores '{name}': give it role = \"input\", or leave it out here"
                ));
            }
            Role::Protected if !self.allows_protected() => {
                return Err(self.protected(name));
            }
            Role::Input | Role::Protected => {}
        }
        // A schema has at most 1,000 features.
        let place = place as u16;
        Ok(match &feature.kind {
            FeatureKind::Number(_) | FeatureKind::Integer(_) => Meaning::Number(place),
            FeatureKind::Boolean => Meaning::Boolean(place),
            FeatureKind::Category(categories) => Meaning::Category(place, &categories.values),
        })
    }
}
