//! Derived fields that a file leaves out, where there is a schema and no model: computed as a
//! decision computes them, as far as that needs nothing that is learned from training rows.

use model_core::preprocess::{Computed as Value, Origin, resolve, resolve_derived};
use model_core::schema::{Role, Schema};
use model_core::value::{Reading, ValueError};

use crate::read::{Computed, Meaning, Shown};

/// What a schema fills in is not known without a model.
const NOT_LEARNED: f64 = f64::NAN;

/// The names of the fields that a schema derives.
pub(super) fn names(schema: &Schema) -> Vec<String> {
    let derived = schema.inputs().filter(|feature| feature.derived.is_some());
    derived.map(|feature| feature.name.clone()).collect()
}

/// The derived fields of a block of rows. A row that a decision would refuse has none.
pub(super) fn compute(schema: &Schema, shown: &Shown<'_>) -> Vec<Computed> {
    let order = schema.derivation_order();
    let mut columns: Vec<Computed> = (order.iter())
        .map(|index| Computed {
            name: schema.features[*index].name.clone(),
            values: Vec::with_capacity(shown.block.rows),
        })
        .collect();
    if columns.is_empty() {
        return columns;
    }
    let inputs = schema.features.iter().map(|feature| {
        let is_input = feature.role == Role::Input;
        is_input.then(|| Meaning::new(feature, &schema.missing_values))
    });
    let mut meanings: Vec<Option<Meaning<'_>>> = inputs.collect();
    let most = schema.max_adjustments.unwrap_or(u32::MAX);
    let mut row = Row::new(schema);
    for index in 0..shown.block.rows {
        let meanings = schema.features.iter().zip(&mut meanings);
        let readings = meanings.map(|(feature, meaning)| match meaning {
            Some(meaning) => meaning.read(shown.cells(&feature.name), index),
            None => Ok(Reading::Missing),
        });
        let adjusted = row.settle(readings, &order);
        let is_accepted = adjusted.is_ok_and(|adjusted| adjusted <= most);
        for (column, feature) in columns.iter_mut().zip(&order) {
            let value = if is_accepted {
                row.counted[*feature]
            } else {
                f64::NAN
            };
            column.values.push(value);
        }
    }
    columns
}

/// A row, one entry for each feature of the schema.
struct Row<'s> {
    schema: &'s Schema,
    /// After its policies.
    values: Vec<f64>,
    origins: Vec<Origin>,
    /// Of derived fields, what is counted where the file leaves them out.
    counted: Vec<f64>,
    readings: Vec<Reading>,
    stack: Vec<f64>,
}

impl<'s> Row<'s> {
    fn new(schema: &'s Schema) -> Self {
        let features = schema.features.len();
        Self {
            schema,
            values: vec![f64::NAN; features],
            origins: vec![Origin::Missing; features],
            counted: vec![f64::NAN; features],
            readings: Vec::with_capacity(features),
            stack: Vec::new(),
        }
    }

    /// Applies the policies, and computes what is derived, in this order; answers how many values
    /// were changed.
    fn settle(
        &mut self,
        readings: impl Iterator<Item = Result<Reading, ValueError>>,
        order: &[usize],
    ) -> Result<u32, ValueError> {
        let mut adjusted = 0;
        self.readings.clear();
        for reading in readings {
            self.readings.push(reading?);
        }
        for (index, feature) in self.schema.features.iter().enumerate() {
            if feature.role == Role::Input && feature.derived.is_none() {
                let resolved = resolve(feature, self.readings[index], NOT_LEARNED)?;
                adjusted += u32::from(resolved.adjusted.is_some());
                self.values[index] = resolved.value;
                self.origins[index] = Origin::from(resolved);
            }
        }
        for &index in order {
            let feature = &self.schema.features[index];
            let Some(derived) = feature.derived.as_deref() else {
                continue;
            };
            let needs = derived.formula.fields().into_iter();
            let needs = needs.map(|need| self.origins[usize::from(need)]);
            let needs = needs.fold(Origin::Given, Origin::max);
            let computed = Value {
                value: derived.compute(&self.values, &mut self.stack),
                needs_missing: needs == Origin::Missing,
            };
            let given = self.readings[index];
            let resolved = resolve_derived(feature, derived, given, computed, NOT_LEARNED)?;
            adjusted += u32::from(resolved.adjusted.is_some());
            self.values[index] = resolved.value;
            self.origins[index] = needs.derived(given, resolved);
            self.counted[index] = needs.counted(computed.value, resolved);
        }
        Ok(adjusted)
    }
}
