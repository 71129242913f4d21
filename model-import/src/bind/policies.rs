//! Whether the schema's policies put something in place of a value that the model would have
//! seen otherwise.

use model_core::schema::{Feature, FeatureKind, Missing, Schema, Unknown};

use super::{Bound, Given};
use crate::error::{ImportError, mismatch, short};
use crate::source::{Column, Content, Source};

/// What the model fills in for each input, where it does and the schema wants it filled in.
///
/// # Errors
/// Names a policy that would decide otherwise than the model.
pub(crate) fn filled(
    source: &Source,
    columns: &[Bound],
    schema: &Schema,
) -> Result<Vec<Option<f64>>, ImportError> {
    let inputs = schema.inputs().enumerate();
    inputs
        .map(|(input, feature)| {
            check_missing(feature, source)?;
            check_unknown(feature, input, columns)?;
            match feature.missing {
                Missing::Impute | Missing::MostFrequent => {
                    let bound = columns.iter().zip(&source.columns);
                    let own = bound.filter(|(bound, _)| bound.input == input);
                    let own: Vec<&Column> = own.map(|(_, column)| column).collect();
                    imputed(feature, &own, source).map(Some)
                }
                Missing::Error | Missing::Native | Missing::Zero | Missing::Other => Ok(None),
            }
        })
        .collect()
}

fn check_missing(feature: &Feature, source: &Source) -> Result<(), ImportError> {
    let name = &feature.name;
    if feature.missing != Missing::Error && source.never_missing.contains(name) {
        return Err(mismatch(format!(
            "feature '{name}': missing = \"{}\", and the model refuses a missing value of it: use error",
            feature.missing.word()
        )));
    }
    Ok(())
}

fn check_unknown(feature: &Feature, input: usize, columns: &[Bound]) -> Result<(), ImportError> {
    let name = &feature.name;
    let refuses = |column: &Bound| {
        let refused = matches!(&column.given, Given::Texts { other, .. } if other.is_infinite());
        column.input == input && refused
    };
    match feature.categories().map(|categories| categories.unknown) {
        Some(Unknown::MostFrequent) => Err(mismatch(format!(
            "feature '{name}': unknown = \"most_frequent\" would decide otherwise than the model does: use error or other"
        ))),
        Some(Unknown::Other) if columns.iter().any(refuses) => Err(mismatch(format!(
            "feature '{name}': unknown = \"other\", and the model has no place for a category that it does not know: use unknown = \"error\""
        ))),
        _ => Ok(()),
    }
}

/// What the model's own imputer fills in, in the terms of the schema.
fn imputed(feature: &Feature, columns: &[&Column], source: &Source) -> Result<f64, ImportError> {
    let (name, policy) = (&feature.name, feature.missing.word());
    if columns
        .iter()
        .any(|column| column.content == Content::IsMissing)
    {
        return Err(mismatch(format!(
            "feature '{name}': the model asks whether it is missing, which missing = \"{policy}\" would hide: use native"
        )));
    }
    let value = |column: &&Column| match (&feature.kind, &column.fill) {
        (FeatureKind::Category(categories), Some(fill)) => {
            let code = categories.values.iter().position(|value| value == fill);
            code.map(|code| code as f64)
        }
        (FeatureKind::Category(_), None) => None,
        _ => column.missing,
    };
    let values: Vec<Option<f64>> = columns.iter().map(value).collect();
    match values.first().copied().flatten() {
        Some(first) if values.iter().all(|value| *value == Some(first)) => Ok(first),
        Some(_) => Err(mismatch(format!(
            "feature '{name}': the model fills in different values for its columns, and missing = \"{policy}\" only one: use native"
        ))),
        None => Err(mismatch(format!(
            "feature '{name}': missing = \"{policy}\" would fill in a value that the {} model never saw filled in: use native, or error where a value is always there",
            short(source.library.name())
        ))),
    }
}
