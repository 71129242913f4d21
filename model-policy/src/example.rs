//! Writing an application.

use std::collections::BTreeSet;

use model_core::json::Writer;
use model_core::preprocess::resolve;
use model_core::schema::{Categories, Feature, FeatureKind, MissingValues, Role, Schema};
use model_core::value::{Reading, Value, number_text, read};

use crate::finding::Example;
use crate::listed::Listed;

/// The application of values in the model's terms, the probability last, for rules that
/// name `named`; `None` where a rule would find other values in what can be written.
pub(crate) fn example(schema: &Schema, values: &[f64], named: &BTreeSet<usize>) -> Option<Example> {
    let mut json = Vec::new();
    let mut is_read_so = true;
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
            if !is_shown || follows {
                continue;
            }
            let given = Given::new(feature, *value, &schema.missing_values);
            is_read_so &= given.comes_to(feature, *value, &schema.missing_values);
            given.write(json, &feature.name);
        }
    });
    is_read_so.then(|| Example {
        application: String::from_utf8(json).unwrap_or_default(),
        probability: values
            .last()
            .copied()
            .filter(|_| named.contains(&schema.features.len())),
    })
}

/// What an application gives for a field.
enum Given {
    Nothing,
    Boolean(bool),
    Number(String),
    Text(String),
}

impl Given {
    /// What is given for a rule to find `value`.
    fn new(feature: &Feature, value: f64, missing: &MissingValues) -> Self {
        match &feature.kind {
            _ if value.is_nan() => Self::Nothing,
            FeatureKind::Boolean => Self::Boolean(value != 0.0),
            FeatureKind::Category(categories) => {
                // The code after the last stands for a category that is not listed.
                let category = categories.values.get(value as usize).cloned();
                Self::Text(category.unwrap_or_else(|| unlisted(categories, missing)))
            }
            FeatureKind::Number(_) | FeatureKind::Integer(_) => {
                let listed = Listed::of(feature, missing);
                let from = listed.and_then(|listed| listed.from(value));
                Self::Number(number_text(from.unwrap_or(value)))
            }
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Nothing => Value::Missing,
            Self::Boolean(yes) => Value::Boolean(*yes),
            Self::Number(text) => Value::Number(text),
            Self::Text(text) => Value::Text(text),
        }
    }

    /// Whether a rule finds `value` in what is given, by the rules that decide.
    fn comes_to(&self, feature: &Feature, value: f64, missing: &MissingValues) -> bool {
        let reading = read(feature, self.value(), missing);
        match (reading, feature.role) {
            (Err(_), _) => false,
            // What a left-out derived field comes to is settled with the fields that it needs.
            (Ok(Reading::Missing), Role::Input) if feature.derived.is_some() => value.is_nan(),
            (Ok(Reading::Missing), Role::Input) => {
                value.is_nan() && resolve(feature, Reading::Missing, f64::NAN).is_ok()
            }
            (Ok(reading), Role::Input) => {
                resolve(feature, reading, f64::NAN).is_ok_and(|resolved| resolved.value == value)
            }
            (Ok(Reading::Is(number)), _) => number == value,
            (Ok(Reading::Missing | Reading::Unknown), _) => value.is_nan(),
        }
    }

    fn write(&self, json: &mut Writer<'_>, name: &str) {
        match self {
            Self::Nothing => {}
            Self::Boolean(yes) => json.key(name).boolean(*yes),
            Self::Number(text) => json.key(name).raw(text),
            Self::Text(text) => json.key(name).text(text),
        }
    }
}

/// A text that is no category and does not mean missing.
fn unlisted(categories: &Categories, missing: &MissingValues) -> String {
    let mut text = String::from("(another)");
    while categories.values.contains(&text) || missing.has_text(&text) {
        text.insert(0, '(');
        text.push(')');
    }
    text
}
