//! The columns that a schema describes, and values as their feature reads them.

use crate::{Column, Kind, NOT_LISTED, Role, Spec};
use model_core::schema::{Feature, FeatureKind, Role as SchemaRole, Schema, TargetKind};
use model_core::value::Reading;

/// The column of the model's probabilities: no feature may have this name.
pub const PREDICTION: &str = "prediction";

/// The column of the first reason that the score gave of each decision that is no approval.
pub const FIRST_REASON: &str = "first_reason";

/// The texts that booleans are counted as, whatever words the file uses.
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
            FeatureKind::Number(_) | FeatureKind::Integer(_) => (Kind::Number, Vec::new()),
            FeatureKind::Boolean => (Kind::Category, boolean_texts()),
            FeatureKind::Category(categories) => (Kind::Category, categories.values.clone()),
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

    /// The column of first reasons, each by its code.
    #[must_use]
    pub fn for_first_reasons() -> Self {
        Self {
            role: Role::Reason,
            ..Self::new(FIRST_REASON, Kind::Category)
        }
    }
}

impl Column {
    /// Counts one value of this column's feature, before any policy. A category that the schema
    /// does not list is counted without its text, which may hold personal data.
    pub fn push_reading(&mut self, feature: &Feature, reading: Reading) {
        match (reading, &feature.kind) {
            (Reading::Missing, _) => self.push_missing(),
            (Reading::Unknown, _) => self.push_text(NOT_LISTED),
            (Reading::Is(value), FeatureKind::Number(_) | FeatureKind::Integer(_)) => {
                self.push_number(value);
            }
            (Reading::Is(value), FeatureKind::Boolean) => {
                self.push_text(if value == 0.0 { "false" } else { "true" });
            }
            (Reading::Is(value), FeatureKind::Category(categories)) => {
                let text = categories.values.get(value as usize);
                self.push_text(text.map_or(NOT_LISTED, String::as_str));
            }
        }
    }
}
