//! Writing an application.

use std::collections::BTreeSet;

use model_core::json::Writer;
use model_core::schema::{Feature, FeatureKind, Role, Schema};
use model_core::value::number_text;

use crate::finding::Example;

/// The application of values in the model's terms, the probability last, for rules that
/// name `named`.
pub(crate) fn example(schema: &Schema, values: &[f64], named: &BTreeSet<usize>) -> Example {
    let mut json = Vec::new();
    let fields = schema.features.iter().zip(values).enumerate();
    Writer::new(&mut json).object(|json| {
        for (place, (feature, value)) in fields {
            // A derived field counts only where what it follows from is not there.
            let follows = feature.derived.as_ref().is_some_and(|derived| {
                let needs = derived.formula.fields();
                !needs.iter().any(|need| values[usize::from(*need)].is_nan())
            });
            let is_shown = match feature.role {
                Role::Input => true,
                Role::Protected => named.contains(&place),
                Role::Ignored => false,
            };
            if is_shown && !value.is_nan() && !follows {
                write(json.key(&feature.name), feature, *value);
            }
        }
    });
    Example {
        application: String::from_utf8(json).unwrap_or_default(),
        probability: values
            .last()
            .copied()
            .filter(|_| named.contains(&schema.features.len())),
    }
}

fn write(json: &mut Writer<'_>, feature: &Feature, value: f64) {
    match &feature.kind {
        FeatureKind::Boolean => json.boolean(value != 0.0),
        FeatureKind::Category(categories) => {
            // The code after the last stands for a category that is not listed.
            let unlisted = "(another)";
            let category = categories.values.get(value as usize);
            json.text(category.map_or(unlisted, String::as_str));
        }
        FeatureKind::Number(_) | FeatureKind::Integer(_) => json.raw(&number_text(value)),
    }
}
