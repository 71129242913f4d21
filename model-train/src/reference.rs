//! The sketch of the training rows that a model carries, to measure drift against.

use model_core::schema::Schema;
use model_core::value::read_coded;
use model_sketch::{Capacity, Column, Role, Sketch, Spec, specs_from_schema};

use crate::dataset::Dataset;
use crate::values::Values;

/// The sketch of the inputs and the target of some rows, as in the file, before any policy.
#[must_use]
pub fn sketch_rows(dataset: &Dataset, schema: &Schema, rows: &[usize]) -> Sketch {
    let specs = specs_from_schema(schema);
    let mut columns = Vec::new();
    for (feature, values) in schema.inputs().zip(&dataset.columns) {
        let mut column = Column::new(Spec::from_feature(feature), Capacity::CARRIED);
        for row in rows {
            match read_coded(feature, values[*row]) {
                Ok(reading) => column.push_reading(feature, reading),
                Err(_) => column.push_invalid(),
            }
        }
        columns.push(column);
    }
    let target = specs.into_iter().find(|spec| spec.role == Role::Target);
    let texts = schema.target.kind.texts();
    columns.extend(target.map(|spec| sketch_target(spec, texts, &dataset.target, rows)));
    Sketch { columns }
}

/// Counts the derived values that were not given as they were computed: `seen` has the columns
/// as in the file, by place among the inputs, and `used` those that the model learned from.
pub(crate) fn show_computed(
    sketch: &mut Sketch,
    schema: &Schema,
    seen: &[(usize, Values)],
    used: &[Values],
    rows: &[usize],
) {
    let inputs: Vec<_> = schema.inputs().collect();
    for (input, seen) in seen {
        let feature = inputs[*input];
        let mut column = Column::new(Spec::from_feature(feature), Capacity::CARRIED);
        for &row in rows {
            let given = seen[row];
            let code = if given.is_nan() {
                used[*input][row]
            } else {
                given
            };
            match read_coded(feature, code) {
                Ok(reading) => column.push_reading(feature, reading),
                Err(_) => column.push_invalid(),
            }
        }
        sketch.columns[*input] = column;
    }
}

/// Adds the model's scores of rows that it was not fitted on.
pub fn add_answers(sketch: &mut Sketch, probabilities: &[f64]) {
    let mut column = Column::new(Spec::for_predictions(), Capacity::CARRIED);
    probabilities.iter().for_each(|p| column.push_number(*p));
    sketch.columns.push(column);
}

/// Counts the target's own texts, as they stand in the file: `texts` are the negative and the
/// positive one.
fn sketch_target(spec: Spec, texts: [&str; 2], answers: &[bool], rows: &[usize]) -> Column {
    let mut column = Column::new(spec, Capacity::CARRIED);
    for row in rows {
        column.push_text(texts[usize::from(answers[*row])]);
    }
    column
}
