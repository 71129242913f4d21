//! The fields that a request may have, found by name.

use crate::schema::{Role, Schema};

/// Every field that has a meaning, in schema order, the target last.
#[derive(Debug)]
pub(super) struct Fields {
    names: Vec<String>,
    /// Places in `names`, sorted by name.
    sorted: Vec<usize>,
    /// For each input of the model, its place in `names`.
    inputs: Vec<usize>,
}

impl Fields {
    pub(super) fn new(schema: &Schema) -> Self {
        let features = schema.features.iter().map(|feature| feature.name.clone());
        let names: Vec<_> = features.chain([schema.target.name.clone()]).collect();
        let mut sorted: Vec<_> = (0..names.len()).collect();
        sorted.sort_by_key(|&place| &names[place]);
        let is_input = |place: &usize| schema.features[*place].role == Role::Input;
        Self {
            inputs: (0..schema.features.len()).filter(is_input).collect(),
            names,
            sorted,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn of_input(&self, input: usize) -> usize {
        self.inputs[input]
    }

    pub(super) fn is_target(&self, place: usize) -> bool {
        place + 1 == self.names.len()
    }

    /// The place of a field. Clients mostly keep to the schema's order, so the place
    /// after the last one found is tried first.
    pub(super) fn find(&self, name: &str, expected: usize) -> Option<usize> {
        if self.names.get(expected).is_some_and(|n| n == name) {
            return Some(expected);
        }
        self.sorted
            .binary_search_by(|&place| self.names[place].as_str().cmp(name))
            .ok()
            .map(|found| self.sorted[found])
    }

    /// The name that a misspelt one most likely means: within a third of its length.
    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        let length = name.chars().count();
        if length > 128 {
            return None;
        }
        let name = name.to_lowercase();
        let (_, without_target) = self.names.split_last()?;
        without_target
            .iter()
            .map(|known| (strsim::osa_distance(&known.to_lowercase(), &name), known))
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, known)| *distance * 3 <= known.chars().count().max(length))
            .map(|(_, known)| known.as_str())
    }
}
