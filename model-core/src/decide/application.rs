//! An application in the model's terms, so that it can be changed and decided again.

use super::{Decider, request};
use crate::value::Reading;

/// What was decided about, in the model's terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    /// A row as [`Decider::judge_rows`] takes it: a value for each input, then one for each of
    /// [`Decider::rule_columns`]. NaN is missing, -1 an unknown category.
    pub codes: Vec<f64>,
    /// What each input came to after its policies.
    pub row: Vec<f64>,
    /// What rules see of each feature of the schema; NaN is missing.
    pub seen: Vec<f64>,
}

impl Decider {
    /// Reads an application; `None` where [`Decider::decide`] would refuse it.
    pub fn application(&mut self, request: &[u8]) -> Option<Application> {
        let parsed = request::parse(request, &self.fields, &self.artifact.schema);
        let (raw_fields, problems) = parsed.ok()?;
        let code = |decider: &Self, index: usize| {
            let feature = &decider.artifact.schema.features[index];
            let raw_field = raw_fields.get(index).and_then(Option::as_ref);
            let reading = decider.read(feature, raw_field);
            reading.ok().map(Reading::code)
        };
        let inputs = (0..self.row.len()).map(|input| self.fields.index_of_input(input));
        let columns = inputs.chain(self.rule_values.protected.iter().copied());
        let codes: Option<Vec<f64>> = columns.map(|index| code(self, index)).collect();
        self.evaluate(raw_fields.clone(), problems).ok()?;
        Some(Application {
            codes: codes?,
            row: self.row.clone(),
            seen: self.rule_values.features().to_vec(),
        })
    }
}
