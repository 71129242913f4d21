//! What a schema says of each column.

use model_core::schema::{Kind as SchemaKind, Role as SchemaRole, Schema, TargetKind};

use crate::sketch::{Kind, Role, Spec};

/// How booleans are counted, whatever word the file has for them.
#[must_use]
pub fn boolean_texts() -> Vec<String> {
    vec!["false".to_owned(), "true".to_owned()]
}

/// The columns of a schema, the target last.
#[must_use]
pub fn specs_of_schema(schema: &Schema) -> Vec<Spec> {
    let features = schema.features.iter().map(|feature| {
        let (kind, known) = match &feature.kind {
            SchemaKind::Number(_) | SchemaKind::Integer(_) => (Kind::Number, Vec::new()),
            SchemaKind::Boolean => (Kind::Category, boolean_texts()),
            SchemaKind::Category(categories) => (Kind::Category, categories.values.clone()),
        };
        let range = feature.range();
        Spec {
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
    });
    let target = Spec {
        role: Role::Target,
        known: match &schema.target.kind {
            TargetKind::Boolean => boolean_texts(),
            TargetKind::Category { positive, negative } => vec![negative.clone(), positive.clone()],
        },
        ..Spec::new(schema.target.name.clone(), Kind::Category)
    };
    features.chain([target]).collect()
}
