//! The numbers of a Parquet file as a schema reads the same numbers in JSON.

use std::sync::Arc;

use model_core::decimal;
use model_core::schema::{Feature, FeatureKind, MissingValues, Schema};
use model_core::value::{Reading, Value, read};
use model_files::parquet::{NumberText, ParquetFile};

/// Has the numbers of categories, of booleans and of the target read as texts that mean what the
/// same numbers mean in JSON: the float `3.0` as `3.0` where that is a category, else as `3`.
pub fn read_numbers_as_json(file: &mut ParquetFile, schema: &Schema) {
    for (index, name) in file.header().into_iter().enumerate() {
        let target = &schema.target;
        let text: NumberText = if target.name == name {
            let kind = target.kind.clone();
            Arc::new(move |number| kind.outcome(number).map(|_| number.to_owned()))
        } else {
            let mut features = schema.features.iter();
            let found = features.find(|feature| feature.name == name);
            // Numbers are numbers in any form.
            let Some(feature) = found.filter(|feature| feature.range().is_none()) else {
                continue;
            };
            let (feature, missing) = (feature.clone(), schema.missing_values.clone());
            Arc::new(move |number| text_of(&feature, &missing, number))
        };
        file.read_numbers_as(index, text);
    }
}

/// The text that a feature reads as it reads a number.
fn text_of(feature: &Feature, missing: &MissingValues, number: &str) -> Option<String> {
    let reading = read(feature, Value::Number(number), missing).ok()?;
    match (reading, &feature.kind) {
        (Reading::Is(code), FeatureKind::Category(categories)) => {
            categories.values.get(code as usize).cloned()
        }
        (Reading::Is(yes), _) => Some(yes.to_string()),
        (Reading::Missing, _) => {
            let value = decimal::parse(number);
            let mut texts = missing.texts().iter();
            texts.find(|text| decimal::parse(text) == value).cloned()
        }
        (Reading::Unknown, _) => None,
    }
}
