//! The fields that a request may have, found by name.

use crate::schema::{Role, Schema};

/// Every field that has a meaning, in schema order, the target last.
#[derive(Debug)]
pub(super) struct Fields {
    names: Vec<String>,
    /// For each input of the model, the index of its name.
    inputs: Vec<usize>,
}

impl Fields {
    pub(super) fn new(schema: &Schema) -> Self {
        let features = schema.features.iter().map(|feature| feature.name.clone());
        let is_input = |index: &usize| schema.features[*index].role == Role::Input;
        Self {
            names: features.chain([schema.target.name.clone()]).collect(),
            inputs: (0..schema.features.len()).filter(is_input).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The index of the field of an input.
    pub(super) fn index_of_input(&self, input: usize) -> usize {
        self.inputs[input]
    }

    /// The input whose field has this index.
    pub(super) fn input_at(&self, index: usize) -> Option<usize> {
        self.inputs.iter().position(|field| *field == index)
    }

    pub(super) fn is_target(&self, index: usize) -> bool {
        index + 1 == self.names.len()
    }

    /// The index of a field. Clients mostly keep to the schema's order, so the one after the
    /// last that was found is tried first. A request can make this fail only so often
    /// before it is refused, so that a plain search is enough.
    pub(super) fn find(&self, name: &str, expected: usize) -> Option<usize> {
        if self.names.get(expected).is_some_and(|n| n == name) {
            return Some(expected);
        }
        self.names.iter().position(|known| known == name)
    }
}
