//! An application seen as it came, for whoever counts.

use super::{Decider, request};
use crate::schema::Feature;
use crate::value::{Reading, read};

impl Decider {
    /// The inputs, in schema order.
    #[must_use]
    pub fn features(&self) -> &[Feature] {
        &self.inputs
    }

    /// Shows `each` input of an application as it came, before any policy, coded as
    /// [`Decider::batch`] takes it, or `None` when it is of another type. Returns the
    /// probability, or `None` where [`Decider::decide`] would refuse a value.
    ///
    /// # Errors
    /// A sentence, before anything is shown, when the application is not a JSON object of
    /// the schema's fields, each once.
    pub fn observe(
        &mut self,
        application: &[u8],
        each: &mut dyn FnMut(usize, Option<f64>),
    ) -> Result<Option<f64>, String> {
        let parsed = request::parse(application, &self.fields, &self.artifact.schema);
        let (raw_fields, problems) = parsed.unwrap_or_else(|problems| (Vec::new(), problems));
        if let Some(problem) = problems.first() {
            return Err(problem.sentence());
        }
        for (input, feature) in self.inputs.iter().enumerate() {
            let raw_field = raw_fields
                .get(self.fields.index_of_input(input))
                .and_then(Option::as_ref);
            let reading = read(feature, self.value_of(raw_field));
            each(input, reading.ok().map(Reading::code));
        }
        Ok(self
            .evaluate(raw_fields, Vec::new())
            .ok()
            .map(|(probability, _)| probability))
    }
}
