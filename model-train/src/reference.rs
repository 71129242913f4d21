//! The sketch of the training rows that a model carries, to measure drift against.

use model_core::schema::{Feature, Kind as FeatureKind, Schema};
use model_drift::read::specs_of_schema;
use model_drift::sketch::{Capacity, Column, Kind, NOT_LISTED, Role, Sketch, Spec};

use crate::dataset::{Dataset, UNKNOWN};

/// Buckets of a number: about 1 KB each in the artifact, and no applicant's exact income
/// where there are many.
const CAPACITY: Capacity = Capacity {
    buckets: 256,
    names: 256,
};
/// The column of the model's probabilities.
const PREDICTION: &str = "prediction";

/// The inputs and the target of some rows, as they came, before any policy.
#[must_use]
pub fn of_rows(dataset: &Dataset, schema: &Schema, rows: &[usize]) -> Sketch {
    let specs = specs_of_schema(schema);
    let mut columns = Vec::new();
    for (feature, values) in schema.inputs().zip(&dataset.columns) {
        let Some(spec) = specs.iter().find(|spec| spec.name == feature.name) else {
            continue;
        };
        let mut column = Column::new(spec.clone(), CAPACITY);
        for row in rows {
            push(&mut column, feature, values[*row]);
        }
        columns.push(column);
    }
    let target = specs.into_iter().find(|spec| spec.role == Role::Target);
    columns.extend(target.map(|spec| of_target(spec, &dataset.target, rows)));
    Sketch { columns }
}

/// Adds what the model answers to rows that it was not fitted on.
pub fn add_answers(sketch: &mut Sketch, probabilities: &[f64]) {
    let spec = Spec {
        role: Role::Prediction,
        lower: Some(0.0),
        upper: Some(1.0),
        ..Spec::new(PREDICTION, Kind::Number)
    };
    let mut column = Column::new(spec, CAPACITY);
    probabilities.iter().for_each(|p| column.push_number(*p));
    sketch.columns.push(column);
}

fn push(column: &mut Column, feature: &Feature, value: f64) {
    match &feature.kind {
        FeatureKind::Number(_) | FeatureKind::Integer(_) => column.push_number(value),
        _ if value.is_nan() => column.push_missing(),
        FeatureKind::Boolean => column.push_text(if value == 1.0 { "true" } else { "false" }),
        FeatureKind::Category(_) if value == UNKNOWN => column.push_text(NOT_LISTED),
        FeatureKind::Category(categories) => {
            let text = categories.values.get(value as usize);
            column.push_text(text.map_or(NOT_LISTED, String::as_str));
        }
    }
}

/// The target's texts are negative and positive, in this order.
fn of_target(spec: Spec, answers: &[bool], rows: &[usize]) -> Column {
    let texts = spec.known.clone();
    let mut column = Column::new(spec, CAPACITY);
    for row in rows {
        if let Some(text) = texts.get(usize::from(answers[*row])) {
            column.push_text(text);
        }
    }
    column
}
