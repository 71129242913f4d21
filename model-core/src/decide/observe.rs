//! An application seen as it came, for whoever counts.

use super::answer::write_value;
use super::{Decider, request};
use crate::json::Writer;
use crate::schema::Feature;
use crate::value::Reading;

impl Decider {
    /// The inputs, in schema order.
    pub fn features(&self) -> impl Iterator<Item = &Feature> {
        self.artifact.schema.inputs()
    }

    /// Shows `each` input of an application as it came, before any policy, coded as
    /// [`Decider::batch`] takes it, or `None` when it is of another type. A derived one that was
    /// left out is shown as [`Origin::counted`](crate::preprocess::Origin::counted) says. Returns
    /// the probability, or `None` where [`Decider::decide`] would refuse a value.
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
        let mut codes: Vec<Option<f64>> = (self.features().enumerate())
            .map(|(input, feature)| {
                let raw_field = raw_fields
                    .get(self.fields.index_of_input(input))
                    .and_then(Option::as_ref);
                let reading = self.read(feature, raw_field);
                reading.ok().map(Reading::code)
            })
            .collect();
        let probability = match self.evaluate(raw_fields, Vec::new()) {
            Ok((probability, _)) => {
                self.show_computed(&mut codes);
                Some(probability)
            }
            Err(_) => None,
        };
        for (input, code) in codes.into_iter().enumerate() {
            each(input, code);
        }
        Ok(probability)
    }

    /// Appends the derived fields of an application as a JSON object: what each comes to. An
    /// application that is refused has none.
    pub fn write_computed(&mut self, application: &[u8], out: &mut Vec<u8>) {
        let accepted = matches!(self.observe(application, &mut |_, _| {}), Ok(Some(_)));
        let derived = self.features().zip(&self.row);
        Writer::new(out).object(|json| {
            for (feature, value) in derived.filter(|(feature, _)| feature.derived.is_some()) {
                if accepted {
                    write_value(json.key(&feature.name), feature, *value);
                }
            }
        });
    }

    /// Derived fields that were left out are seen as they were computed.
    fn show_computed(&self, codes: &mut [Option<f64>]) {
        let inputs = (0..).map_while(|nth| self.derivation.input(nth));
        for (nth, input) in inputs.enumerate() {
            if codes[input].is_some_and(f64::is_nan) {
                codes[input] = Some(self.derivation.counted(nth));
            }
        }
    }
}
