//! Writing an application.

use model_core::json::Writer;
use model_core::schema::{Feature, FeatureKind, Role, Schema};
use model_core::value::number_text;

use crate::finding::Example;

/// The application of values in the model's terms, the probability last.
pub(crate) fn example(schema: &Schema, values: &[f64], shows_probability: bool) -> Example {
    let mut json = Vec::new();
    let fields = schema.features.iter().zip(values);
    Writer::new(&mut json).object(|json| {
        for (feature, value) in fields {
            if feature.role == Role::Input && !value.is_nan() {
                write(json.key(&feature.name), feature, *value);
            }
        }
    });
    Example {
        application: String::from_utf8(json).unwrap_or_default(),
        probability: values.last().copied().filter(|_| shows_probability),
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
