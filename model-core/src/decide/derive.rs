//! Derived fields in a decision: computed behind the fields that they need.

use super::fields::Fields;
use crate::preprocess::{Adjustment, Computed, Resolved, resolve_derived};
use crate::schema::{Derived, Feature, Schema};
use crate::value::{Reading, ValueError};

/// The derived inputs of a schema, and the values that they are computed from.
#[derive(Debug)]
pub(super) struct Derivation {
    /// In an order in which each can be computed.
    order: Vec<Step>,
    /// A value for each feature of the schema, after its policies.
    values: Vec<f64>,
    /// For each feature of the schema, whether nobody gave it.
    missing: Vec<bool>,
    stack: Vec<f64>,
}

#[derive(Debug)]
struct Step {
    input: usize,
    /// As an index of the schema's features.
    feature: usize,
    derived: Derived,
    /// The fields of the formula, as indices of features.
    needs: Vec<usize>,
}

impl Derivation {
    pub(super) fn new(schema: &Schema, fields: &Fields) -> Self {
        let order = schema.derivation_order();
        let steps = order.into_iter().filter_map(|feature| {
            let derived = schema.features[feature].derived.as_deref()?.clone();
            Some(Step {
                input: fields.input_at(feature)?,
                feature,
                needs: derived
                    .formula
                    .fields()
                    .iter()
                    .map(|f| usize::from(*f))
                    .collect(),
                derived,
            })
        });
        Self {
            order: steps.collect(),
            values: vec![f64::NAN; schema.features.len()],
            missing: vec![true; schema.features.len()],
            stack: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The inputs that are derived, in an order in which each can be computed.
    pub(super) fn input(&self, nth: usize) -> Option<usize> {
        self.order.get(nth).map(|step| step.input)
    }

    /// Takes what an input came to, and whether nobody gave it.
    pub(super) fn set(&mut self, feature: usize, value: f64, missing: bool) {
        self.values[feature] = value;
        self.missing[feature] = missing;
    }

    /// Settles the `nth` derived input: what it comes to, and whether it is missing to a rule.
    /// Never inlined, for the module's size: decisions and batches share it.
    #[inline(never)]
    pub(super) fn resolve(
        &mut self,
        nth: usize,
        feature: &Feature,
        given: Reading,
        imputed: f64,
    ) -> Result<(Resolved, bool), ValueError> {
        let step = &self.order[nth];
        let computed = Computed {
            value: step.derived.compute(&self.values, &mut self.stack),
            needs_missing: step.needs.iter().any(|need| self.missing[*need]),
        };
        let resolved = resolve_derived(feature, &step.derived, given, computed, imputed)?;
        let filled_in = matches!(resolved.adjusted, Some(Adjustment::Missing(_)));
        let nobody_gave = computed.needs_missing && given == Reading::Missing;
        self.values[step.feature] = resolved.value;
        self.missing[step.feature] = filled_in || nobody_gave;
        Ok((resolved, self.missing[step.feature]))
    }
}
