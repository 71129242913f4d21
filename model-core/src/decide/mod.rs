//! Decisions: the bytes of a request in, the bytes of an answer out. The contract is
//! written down in `docs/reference/decision-contract.md`.

mod answer;
mod batch;
mod fields;
mod observe;
mod problem;
mod request;

pub(crate) use answer::write_value;
pub use batch::REFUSED;
pub use problem::{write_detail, write_unavailable};
pub use request::MAX_REQUEST;

use crate::artifact::{Artifact, ArtifactError, digest};
use crate::model::Predictor;
use crate::preprocess::{Adjustment, resolve};
use crate::schema::Feature;
use crate::value::{Value, read};
use answer::Constants;
use fields::Fields;
use problem::Problem;
use request::RawField;

/// A model that decides. It owns its scratch memory, so one serves one thread.
#[derive(Debug)]
pub struct Decider {
    artifact: Artifact,
    digest: String,
    fields: Fields,
    /// The inputs in schema order, as `row` and the model number them.
    inputs: Vec<Feature>,
    predictor: Predictor,
    constants: Constants,
    row: Vec<f64>,
    block: batch::Block,
}

/// A value that a policy changed.
struct Adjusted<'r> {
    input: usize,
    adjustment: Adjustment,
    from: Option<RawField<'r>>,
    to: f64,
}

impl Decider {
    /// Reads an artifact and builds its model.
    ///
    /// # Errors
    /// When the artifact is cut off, altered, of a newer format, or contradicts itself.
    pub fn load(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let artifact = Artifact::decode(bytes)?;
        let digest = digest(bytes)?;
        let inputs: Vec<Feature> = artifact.schema.inputs().cloned().collect();
        Ok(Self {
            fields: Fields::new(&artifact.schema),
            predictor: Predictor::new(&artifact.model, &artifact.calibration)
                .map_err(ArtifactError::Content)?,
            constants: Constants::new(&artifact.schema, &digest),
            row: vec![0.0; inputs.len()],
            block: batch::Block::default(),
            inputs,
            digest,
            artifact,
        })
    }

    /// What it was loaded from.
    #[must_use]
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// The artifact's digest: `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// How many values a row has.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Answers one request: appends JSON to `out` and returns the HTTP status, 200, 413 or 422.
    pub fn decide(&mut self, request: &[u8], out: &mut Vec<u8>) -> u16 {
        if request.len() > MAX_REQUEST {
            return problem::write_too_large(out);
        }
        let outcome = request::parse(request, &self.fields, &self.artifact.schema)
            .and_then(|(raw_fields, problems)| self.evaluate(raw_fields, problems));
        match outcome {
            Ok((probability, adjusted)) => self.write_answer(probability, &adjusted, out),
            Err(problems) => problem::write_refusal(&problems, out),
        }
    }

    /// Reads every input, applies the policies, and predicts.
    fn evaluate<'r>(
        &mut self,
        mut raw_fields: Vec<Option<RawField<'r>>>,
        mut problems: Vec<Problem>,
    ) -> Result<(f64, Vec<Adjusted<'r>>), Vec<Problem>> {
        let mut adjusted = Vec::new();
        for (input, feature) in self.inputs.iter().enumerate() {
            let raw_field = raw_fields
                .get_mut(self.fields.index_of_input(input))
                .and_then(Option::take);
            let value = self.value_of(raw_field.as_ref());
            let imputed = self.artifact.preprocessing.imputed[input];
            match read(feature, value).and_then(|reading| resolve(feature, reading, imputed)) {
                Ok(resolved) => {
                    self.row[input] = resolved.value;
                    adjusted.extend(resolved.adjusted.map(|adjustment| Adjusted {
                        input,
                        adjustment,
                        from: raw_field,
                        to: resolved.value,
                    }));
                }
                Err(error) => problems.push(Problem::refused_value(
                    feature,
                    error,
                    raw_field.as_ref().and_then(RawField::echo),
                )),
            }
        }
        problems.extend(self.too_many(adjusted.len()));
        if problems.is_empty() {
            Ok((self.predictor.predict_row(&self.row), adjusted))
        } else {
            Err(problems)
        }
    }

    fn value_of<'s>(&self, raw_field: Option<&'s RawField<'_>>) -> Value<'s> {
        let missing = &self.artifact.schema.missing_values;
        raw_field.map_or(Value::Missing, |raw_field| raw_field.value(missing))
    }

    fn too_many(&self, adjustments: usize) -> Option<Problem> {
        let most = self.artifact.schema.max_adjustments?;
        (adjustments > most as usize).then(|| Problem::too_many_adjustments(adjustments, most))
    }
}
