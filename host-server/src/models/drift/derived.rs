//! Derived fields that a request left out, computed for counting as the module counts them.

use model_core::preprocess::{Computed, Origin, Preprocessing, resolve, resolve_derived};
use model_core::schema::{Feature, Role, Schema};
use model_core::value::Reading;

/// The fields of a schema, as far as derived ones need them.
pub(super) struct Derivation {
    features: Vec<Feature>,
    /// For each feature what is filled in.
    imputed: Vec<f64>,
    /// The derived ones, each behind those that it needs.
    order: Vec<Step>,
}

/// A derived field and what it needs, by their places among the features.
struct Step {
    at: usize,
    needs: Vec<usize>,
}

/// What is counted of a derived field.
pub(super) struct Derived<'a> {
    pub(super) name: &'a str,
    /// As [`Origin::counted`] says; NaN is missing.
    pub(super) value: f64,
}

impl Derivation {
    pub(super) fn new(schema: &Schema, preprocessing: &Preprocessing) -> Self {
        let mut inputs = preprocessing.imputed.iter().copied();
        let imputed = schema.features.iter().map(|feature| match feature.role {
            Role::Input => inputs.next().unwrap_or(f64::NAN),
            Role::Protected | Role::Ignored => f64::NAN,
        });
        let order = schema.derivation_order().into_iter().map(|at| {
            let derived = schema.features[at].derived.as_ref();
            let needs = derived.map_or_else(Vec::new, |derived| derived.formula.fields());
            Step {
                at,
                needs: needs.into_iter().map(usize::from).collect(),
            }
        });
        Self {
            imputed: imputed.collect(),
            order: order.collect(),
            features: schema.features.clone(),
        }
    }

    /// What nothing was read of: a place for each feature, none where nothing is derived.
    pub(super) fn readings(&self) -> Vec<Reading> {
        let places = if self.order.is_empty() {
            0
        } else {
            self.features.len()
        };
        vec![Reading::Missing; places]
    }

    /// The derived fields that an accepted application left out. `readings` is what was read
    /// of each feature.
    pub(super) fn left_out(&self, readings: &[Reading]) -> Vec<Derived<'_>> {
        let mut found = Vec::new();
        let is_left_out = |step: &Step| matches!(readings.get(step.at), Some(Reading::Missing));
        if !self.order.iter().any(is_left_out) {
            return found;
        }
        let mut values = vec![f64::NAN; self.features.len()];
        let mut origins = vec![Origin::Missing; self.features.len()];
        for (at, feature) in self.features.iter().enumerate() {
            if feature.role != Role::Input || feature.derived.is_some() {
                continue;
            }
            if let Ok(resolved) = resolve(feature, readings[at], self.imputed[at]) {
                values[at] = resolved.value;
                origins[at] = Origin::from(resolved);
            }
        }
        let mut stack = Vec::new();
        for &Step { at, ref needs } in &self.order {
            let feature = &self.features[at];
            let Some(derived) = &feature.derived else {
                continue;
            };
            let needs = needs.iter().map(|need| origins[*need]);
            let needs = needs.fold(Origin::Given, Origin::max);
            let computed = Computed {
                value: derived.compute(&values, &mut stack),
                needs_missing: needs == Origin::Missing,
            };
            let given = readings[at];
            let settled = resolve_derived(feature, derived, given, computed, self.imputed[at]);
            // An accepted application has none that is refused.
            let Ok(resolved) = settled else { continue };
            values[at] = resolved.value;
            origins[at] = needs.derived(given, resolved);
            if given == Reading::Missing {
                found.push(Derived {
                    name: &feature.name,
                    value: needs.counted(computed.value, resolved),
                });
            }
        }
        found
    }
}
