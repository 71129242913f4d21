//! How many values of an application its policies must fill in or change: one that needs more
//! than the schema allows is refused before any rule decides.

use model_core::schema::{Role, Schema, Unknown};

use crate::domain::Domain;

/// What counts as an adjustment, and how many are allowed.
#[derive(Debug)]
pub(crate) struct Adjustments {
    /// `None` where there is no limit.
    most: Option<usize>,
    /// The inputs that an application gives itself.
    inputs: Vec<Input>,
}

#[derive(Debug)]
struct Input {
    field: usize,
    /// The code of a category that is not listed, where there may be one.
    unlisted: Option<usize>,
}

impl Adjustments {
    pub(crate) fn new(schema: &Schema) -> Self {
        let inputs = schema.features.iter().enumerate();
        let inputs = inputs.filter(|(_, f)| f.role == Role::Input && f.derived.is_none());
        Self {
            most: schema.max_adjustments.map(|most| most as usize),
            inputs: inputs
                .map(|(field, feature)| Input {
                    field,
                    unlisted: (feature.categories())
                        .filter(|categories| categories.unknown == Unknown::Other)
                        .map(|categories| categories.values.len()),
                })
                .collect(),
        }
    }

    /// Whether an application needs too many, `others` of them for derived fields and numbers
    /// that were clamped.
    pub(crate) fn are_too_many(&self, values: &[f64], others: usize) -> bool {
        let needed = self.inputs.iter().filter(|input| {
            let value = values[input.field];
            value.is_nan() || input.unlisted.is_some_and(|code| value == code as f64)
        });
        self.most.is_some_and(|most| needed.count() + others > most)
    }

    /// Whether every application needs too many where fields have these domains; what derived
    /// fields need is not counted.
    pub(crate) fn are_always_too_many<'d>(
        &self,
        narrowed: impl Fn(usize) -> Option<&'d Domain>,
    ) -> bool {
        let needed = self.inputs.iter().filter(|input| {
            narrowed(input.field).is_some_and(|domain| match input.unlisted {
                Some(code) => !domain.has_code_below(code),
                None => !domain.has_values() || domain.is_clamped(),
            })
        });
        self.most.is_some_and(|most| needed.count() > most)
    }
}
