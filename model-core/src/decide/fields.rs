//! The fields that a request may have, found by name.

use crate::schema::{Role, Schema};

/// Every field that has a meaning, in schema order, the target last.
#[derive(Debug)]
pub(super) struct Fields {
    names: Vec<String>,
    /// The indices of the names, sorted by length and then by name: lengths differ mostly, and
    /// are compared sooner.
    sorted: Vec<usize>,
    /// For each input of the model, the index of its name.
    inputs: Vec<usize>,
}

impl Fields {
    pub(super) fn new(schema: &Schema) -> Self {
        let features = schema.features.iter().map(|feature| feature.name.clone());
        let is_input = |index: &usize| schema.features[*index].role == Role::Input;
        let mut fields = Self {
            names: features.chain([schema.target.name.clone()]).collect(),
            sorted: Vec::new(),
            inputs: (0..schema.features.len()).filter(is_input).collect(),
        };
        // Not the standard library's sort, which takes several kilobytes of the module.
        for index in 0..fields.names.len() {
            let (Ok(at) | Err(at)) = fields.search(&fields.names[index]);
            fields.sorted.insert(at, index);
        }
        fields
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
    /// last that was found is tried first. JSON objects have no order, and there may be a
    /// thousand fields, so any other is not looked for one by one.
    pub(super) fn find(&self, name: &str, expected: usize) -> Option<usize> {
        if self.names.get(expected).is_some_and(|n| n == name) {
            return Some(expected);
        }
        let at = self.search(name).ok()?;
        self.sorted.get(at).copied()
    }

    /// Where in `sorted` a name is, or where it would be. Never inlined, for the module's size.
    #[inline(never)]
    fn search(&self, name: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|index| {
            let known = self.names[*index].as_str();
            (known.len(), known).cmp(&(name.len(), name))
        })
    }
}
