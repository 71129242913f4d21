//! A request's fields as bins of a window.

use std::collections::HashMap;
use std::sync::Arc;

use model_core::artifact::Artifact;
use model_core::schema::{Feature, FeatureKind, MissingValues};
use model_core::value::{Reading, Value, read};
use model_drift::live::{Cell, Shape};
use model_drift::sketch::{NOT_LISTED, Role, Sketch, boolean_texts};

use super::derived::Derivation;
use crate::host::Answer;
use crate::models::fields;
use crate::models::score::{Score, first_of_score};

/// The longest request that is read. A real one has some hundred bytes.
const LONGEST: usize = 64 << 10;

/// A bin that no window has: there is nothing to count.
const NOWHERE: u32 = u32::MAX;

/// What is known of a model's columns before a request.
pub(super) struct Reader {
    fields: Vec<Field>,
    /// Where each name is in `fields`.
    by_name: HashMap<String, usize>,
    shape: Arc<Shape>,
    missing_values: MissingValues,
    /// For each column, where it is counted when it does not come.
    absent: Vec<u32>,
    /// The column of the model's answers.
    prediction: Option<usize>,
    /// That of first reasons.
    reason: Option<usize>,
    derivation: Derivation,
}

/// What was read of a request.
struct Seen {
    /// For each column, where it is counted.
    bins: Vec<u32>,
    /// For each feature of the schema what the model reads; empty where nothing is derived.
    readings: Vec<Reading>,
}

/// A field that a request may have, and the column that counts it.
struct Field {
    feature: Feature,
    /// Which of the schema's features.
    index: usize,
    column: usize,
    /// Where each category, or `false` and `true`, is counted.
    codes: Vec<u32>,
    unknown: u32,
    invalid: u32,
}

impl Reader {
    pub(super) fn new(artifact: &Artifact, reference: &Sketch, shape: Arc<Shape>) -> Self {
        let schema = &artifact.schema;
        // Every column has a bin for each of these.
        let bin = |column, cell: Cell<'_>| shape.place(column, cell).unwrap_or(NOWHERE);
        let columns = || reference.columns.iter().enumerate();
        let fields = columns().filter_map(|(column, counted)| {
            let name = &counted.spec.name;
            let index = schema.features.iter().position(|one| one.name == *name)?;
            let feature = &schema.features[index];
            let texts = match &feature.kind {
                FeatureKind::Number(_) | FeatureKind::Integer(_) => Vec::new(),
                FeatureKind::Boolean => boolean_texts(),
                FeatureKind::Category(categories) => categories.values.clone(),
            };
            Some(Field {
                codes: texts
                    .iter()
                    .map(|text| bin(column, Cell::Text(text)))
                    .collect(),
                unknown: bin(column, Cell::Text(NOT_LISTED)),
                invalid: bin(column, Cell::Invalid),
                feature: feature.clone(),
                index,
                column,
            })
        });
        let fields: Vec<Field> = fields.collect();
        let names = fields.iter().map(|field| field.feature.name.clone());
        let place = |role| columns().position(|(_, column)| column.spec.role == role);
        Self {
            derivation: Derivation::new(schema, &artifact.preprocessing),
            by_name: names.zip(0..).collect(),
            fields,
            missing_values: schema.missing_values.clone(),
            absent: columns()
                .map(|(column, _)| bin(column, Cell::Missing))
                .collect(),
            prediction: place(Role::Prediction),
            reason: place(Role::Reason),
            shape,
        }
    }

    /// How many columns a window counts.
    pub(super) fn columns(&self) -> usize {
        self.absent.len()
    }

    /// The bin of each column that counts a request; `None` when it is no JSON object, or far
    /// longer than an application is. `answer` is the model's, and `score` what was read of it; a
    /// refused request has no score, and is not counted in the columns of the answers.
    pub(super) fn bins(
        &self,
        request: &[u8],
        answer: Answer<'_>,
        score: Option<Score>,
    ) -> Option<Vec<u32>> {
        if request.len() > LONGEST {
            return None;
        }
        let request = std::str::from_utf8(request).ok()?;
        let mut seen = self.nothing();
        let answered = score.is_some();
        if !(answered && self.read_answered(request, &mut seen).is_some()) {
            // It may have stopped half way.
            seen = self.nothing();
            fields::each_of_any(request, |name, value| {
                if let Some(at) = self.find(name, 0) {
                    self.count(at, value, &mut seen);
                }
            })?;
        }
        if answered {
            self.count_computed(&mut seen);
        }
        let mut bins = seen.bins;
        if let Some(column) = self.prediction {
            let cell = score.map_or(Cell::None, |score| Cell::Number(score.probability));
            bins[column] = self.shape.place(column, cell).unwrap_or(NOWHERE);
        }
        if let Some(column) = self.reason {
            let refused = score.filter(|score| !score.approves());
            let first = refused.and_then(|_| first_of_score(answer));
            let cell = first.as_deref().map_or(Cell::None, Cell::Text);
            bins[column] = self.shape.place(column, cell).unwrap_or(NOWHERE);
        }
        Some(bins)
    }

    fn nothing(&self) -> Seen {
        Seen {
            bins: self.absent.clone(),
            readings: self.derivation.readings(),
        }
    }

    /// Counts the derived fields that the request left out.
    fn count_computed(&self, seen: &mut Seen) {
        for derived in self.derivation.left_out(&seen.readings) {
            let field = self.by_name.get(derived.name);
            let Some(field) = field.filter(|_| !derived.value.is_nan()) else {
                continue;
            };
            let field = &self.fields[*field];
            let bin = self.shape.place(field.column, Cell::Number(derived.value));
            if let (Some(bin), Some(counted)) = (bin, seen.bins.get_mut(field.column)) {
                *counted = bin;
            }
        }
    }

    fn read_answered(&self, request: &str, seen: &mut Seen) -> Option<()> {
        // Clients mostly keep to the schema's order: the next field is tried first.
        let mut expected = 0;
        fields::each_of_answered(request, |name, value| {
            if let Some(at) = self.find(name, expected) {
                expected = at + 1;
                self.count(at, value, seen);
            }
        })
    }

    fn find(&self, name: &str, expected: usize) -> Option<usize> {
        let next = self.fields.get(expected);
        if next.is_some_and(|field| field.feature.name == name) {
            return Some(expected);
        }
        self.by_name.get(name).copied()
    }

    /// Puts the bin of a field's value where it is counted; a missing one is there already.
    fn count(&self, field: usize, value: Value<'_>, seen: &mut Seen) {
        let field = &self.fields[field];
        let value = match value {
            Value::Text(text) => Value::from_text(text),
            other => other,
        };
        if let Some(reading) = seen.readings.get_mut(field.index) {
            *reading =
                read(&field.feature, value, &self.missing_values).unwrap_or(Reading::Missing);
        }
        let counted = seen.bins.get_mut(field.column);
        if let (Some(bin), Some(counted)) = (self.bin(field, value), counted) {
            *counted = bin;
        }
    }

    /// The bin of a value; `None` where it is missing.
    fn bin(&self, field: &Field, value: Value<'_>) -> Option<u32> {
        let number = |number| self.shape.place(field.column, Cell::Number(number));
        let code = |code: f64| field.codes.get(code as usize).copied();
        match (&field.feature.kind, value) {
            // Counted where it lies even if the model refuses it, as 1.5 for an integer.
            (FeatureKind::Number(_) | FeatureKind::Integer(_), Value::Number(text)) => {
                match text.parse::<f64>() {
                    Ok(missing) if self.missing_values.has_number(missing) => None,
                    Ok(finite) if finite.is_finite() => number(finite),
                    _ => Some(field.invalid),
                }
            }
            // As the model reads it.
            (kind, value) => match (read(&field.feature, value, &self.missing_values), kind) {
                (Ok(Reading::Missing), _) => None,
                (Ok(Reading::Is(value)), FeatureKind::Number(_) | FeatureKind::Integer(_)) => {
                    number(value)
                }
                (Ok(Reading::Is(value)), _) => Some(code(value).unwrap_or(field.unknown)),
                (Ok(Reading::Unknown), _) => Some(field.unknown),
                (Err(_), _) => Some(field.invalid),
            },
        }
    }
}
