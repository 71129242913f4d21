//! Derived fields in a decision: computed behind the fields that they need.

use super::fields::Fields;
use crate::preprocess::{Computed, Origin, Resolved, resolve_derived};
use crate::schema::{Derived, Feature, OutOfRange, Schema};
use crate::value::{Reading, ValueError};

/// The derived inputs of a schema, and the values that they are computed from.
#[derive(Debug)]
pub(super) struct Derivation {
    /// In an order in which each can be computed.
    order: Vec<Step>,
    /// The inputs that formulas name and that are not derived.
    given: Vec<Given>,
    /// A value for each feature of the schema, after its policies.
    values: Vec<f64>,
    /// For each feature of the schema, where the value comes from.
    origins: Vec<Origin>,
    /// Of each step, what is counted where the field was left out.
    counted: Vec<f64>,
    /// By input, which step is its own.
    nth_of: Vec<Option<usize>>,
    stack: Vec<f64>,
}

/// An input that a formula names and that is not derived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    pub(super) input: usize,
    /// As an index of the schema's features.
    pub(super) feature: usize,
    /// Whether another number is filled in for one that is out of range.
    imputes: bool,
}

impl Given {
    /// Where its value comes from if this came: a code, NaN where it is missing.
    pub(super) fn origin(self, feature: &Feature, code: f64) -> Origin {
        if code.is_nan() {
            Origin::Missing
        } else if self.imputes && feature.range().is_some_and(|range| !range.contains(code)) {
            Origin::Replaced
        } else {
            Origin::Given
        }
    }
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
        let order: Vec<Step> = steps.collect();
        let features = schema.features.iter().enumerate();
        let given = features.filter_map(|(index, feature)| {
            let is_needed = order.iter().any(|step| step.needs.contains(&index));
            let range = feature.range();
            (is_needed && feature.derived.is_none()).then_some(Given {
                input: fields.input_at(index)?,
                feature: index,
                imputes: range.is_some_and(|range| range.policy == OutOfRange::Impute),
            })
        });
        Self {
            given: given.collect(),
            counted: vec![f64::NAN; order.len()],
            nth_of: schema
                .inputs()
                .enumerate()
                .map(|(input, _)| order.iter().position(|step| step.input == input))
                .collect(),
            order,
            values: vec![f64::NAN; schema.features.len()],
            origins: vec![Origin::Missing; schema.features.len()],
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

    /// Which of the derived inputs one is.
    pub(super) fn nth_of(&self, input: usize) -> Option<usize> {
        self.nth_of.get(input).copied().flatten()
    }

    /// How many inputs are derived.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The inputs that are not derived and that something derived is computed from.
    pub(super) fn given(&self, nth: usize) -> Option<Given> {
        self.given.get(nth).copied()
    }

    /// Takes what an input came to.
    pub(super) fn set(&mut self, feature: usize, value: f64, origin: Origin) {
        self.values[feature] = value;
        self.origins[feature] = origin;
    }

    /// What is counted of the `nth` derived input of the row that was settled last, if it was
    /// left out.
    pub(super) fn counted(&self, nth: usize) -> f64 {
        self.counted[nth]
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
        let needs = step.needs.iter().map(|need| self.origins[*need]);
        let needs = needs.fold(Origin::Given, Origin::max);
        let computed = Computed {
            value: step.derived.compute(&self.values, &mut self.stack),
            needs_missing: needs == Origin::Missing,
        };
        let resolved = resolve_derived(feature, &step.derived, given, computed, imputed)?;
        let origin = needs.derived(given, resolved);
        self.counted[nth] = needs.counted(computed.value, resolved);
        self.values[step.feature] = resolved.value;
        self.origins[step.feature] = origin;
        Ok((resolved, origin == Origin::Missing))
    }
}
