//! The sketch of the training rows that a model carries, to measure drift against.

use model_core::artifact::{Artifact, ArtifactError};
use model_core::decide::Decider;
use model_core::schema::Schema;
use model_core::value::read_coded;
use model_sketch::{Capacity, Column, FIRST_REASON, Role, Sketch, Spec, specs_from_schema};

use crate::applications::request;
use crate::dataset::Dataset;
use crate::values::Values;

/// Most applications whose first reasons are counted.
const MOST_ANSWERED: usize = 4000;

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

/// Counts the derived values that were not given as
/// [`Origin::counted`](model_core::preprocess::Origin::counted) says: `seen` has the columns as in
/// the file, with what was computed of given values, by place among the inputs, and `used` those
/// that the model learned from.
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

/// What applicants of rows that the model was not fitted on would ask, where its answers carry
/// reasons: at most 4,000 rows, spread over all.
pub(crate) fn applications(dataset: &Dataset, schema: &Schema, rows: &[usize]) -> Vec<Vec<u8>> {
    if !schema.reasons.in_answer {
        return Vec::new();
    }
    let step = rows.len().div_ceil(MOST_ANSWERED).max(1);
    let fields = |row: usize| {
        let fields = schema.inputs().zip(&dataset.columns);
        fields.map(move |(feature, column)| (feature, column[row]))
    };
    let rows = rows.iter().step_by(step);
    rows.map(|row| request(schema, fields(*row))).collect()
}

/// Adds the first reason of each of these applications that is not approved, where the model's
/// answers carry reasons: what live answers are compared with.
pub(crate) fn add_reasons(
    sketch: &mut Sketch,
    artifact: &Artifact,
    applications: &[Vec<u8>],
) -> Result<(), ArtifactError> {
    let has_column = sketch.column(FIRST_REASON).is_some();
    if artifact.profiles.is_none() || applications.is_empty() || has_column {
        return Ok(());
    }
    let mut decider = Decider::load(&artifact.encode()?)?;
    let mut column = Column::new(Spec::for_first_reasons(), Capacity::CARRIED);
    for application in applications {
        let mut answer = Vec::new();
        decider.decide(application, &mut answer);
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        if let Some(code) = answer["reasons"][0]["code"].as_str() {
            column.push_text(code);
        }
    }
    sketch.columns.push(column);
    Ok(())
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
