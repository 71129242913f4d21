//! What a schema says of each column, and values as their feature reads them.

use crate::{Column, Kind, NOT_LISTED, Role, Spec};
use model_core::schema::{Feature, Kind as SchemaKind, Role as SchemaRole, Schema, TargetKind};
use model_core::value::Reading;

/// The column of the model's probabilities: no feature may have this name.
pub const PREDICTION: &str = "prediction";

/// How booleans are counted, whatever word the file has for them.
#[must_use]
pub fn boolean_texts() -> Vec<String> {
    vec!["false".to_owned(), "true".to_owned()]
}

/// The columns of a schema, the target last.
#[must_use]
pub fn specs_from_schema(schema: &Schema) -> Vec<Spec> {
    let features = schema.features.iter().map(Spec::from_feature);
    let target = Spec {
        role: Role::Target,
        known: match &schema.target.kind {
            TargetKind::Boolean { .. } => boolean_texts(),
            TargetKind::Category { positive, negative } => vec![negative.clone(), positive.clone()],
        },
        ..Spec::new(schema.target.name.clone(), Kind::Category)
    };
    features.chain([target]).collect()
}

impl Spec {
    /// The column of a feature.
    #[must_use]
    pub fn from_feature(feature: &Feature) -> Self {
        let (kind, known) = match &feature.kind {
            SchemaKind::Number(_) | SchemaKind::Integer(_) => (Kind::Number, Vec::new()),
            SchemaKind::Boolean => (Kind::Category, boolean_texts()),
            SchemaKind::Category(categories) => (Kind::Category, categories.values.clone()),
        };
        let range = feature.range();
        Self {
            name: feature.name.clone(),
            kind,
            role: match feature.role {
                SchemaRole::Input => Role::Input,
                SchemaRole::Protected => Role::Protected,
                SchemaRole::Ignored => Role::Ignored,
            },
            lower: range.and_then(|range| range.lower).map(|bound| bound.value),
            upper: range.and_then(|range| range.upper).map(|bound| bound.value),
            known,
        }
    }

    /// The column of the model's probabilities.
    #[must_use]
    pub fn for_predictions() -> Self {
        Self {
            role: Role::Prediction,
            lower: Some(0.0),
            upper: Some(1.0),
            ..Self::new(PREDICTION, Kind::Number)
        }
    }
}

impl Column {
    /// Counts what came for the feature that this is the column of, before any policy; a
    /// category that the schema does not list without its text, which may say anything.
    pub fn push_reading(&mut self, feature: &Feature, reading: Reading) {
        match (reading, &feature.kind) {
            (Reading::Missing, _) => self.push_missing(),
            (Reading::Unknown, _) => self.push_text(NOT_LISTED),
            (Reading::Is(value), SchemaKind::Number(_) | SchemaKind::Integer(_)) => {
                self.push_number(value);
            }
            (Reading::Is(value), SchemaKind::Boolean) => {
                self.push_text(if value == 0.0 { "false" } else { "true" });
            }
            (Reading::Is(value), SchemaKind::Category(categories)) => {
                let text = categories.values.get(value as usize);
                self.push_text(text.map_or(NOT_LISTED, String::as_str));
            }
        }
    }
}
