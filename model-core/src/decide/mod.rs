//! Decisions: the bytes of a request in, the bytes of an answer out. The contract is
//! written down in `docs/reference/decision-contract.md`.

mod answer;
mod batch;
mod fields;
mod observe;
mod outcome;
mod problem;
mod request;

pub(crate) use answer::write_value;
pub use batch::REFUSED;
pub use outcome::Judgement;
pub use problem::{write_detail, write_unavailable};
pub use request::MAX_REQUEST;

use crate::artifact::{Artifact, ArtifactError, Digests, Opened};
use crate::model::Predictor;
use crate::preprocess::{Adjustment, resolve};
use crate::schema::Feature;
use crate::value::{Reading, Value, read};
use answer::Constants;
use fields::Fields;
use outcome::RuleValues;
use problem::Problem;
use request::RawField;

/// A model that decides. It owns its scratch memory, so one serves one thread.
#[derive(Debug)]
pub struct Decider {
    artifact: Artifact,
    /// The format it was stored in: answers of formats 1 and 2 have no outcome.
    format: u32,
    digests: Digests,
    fields: Fields,
    /// The inputs in schema order, as `row` and the model number them.
    inputs: Vec<Feature>,
    predictor: Predictor,
    constants: Constants,
    row: Vec<f64>,
    block: batch::Block,
    rule_values: RuleValues,
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
        let Opened {
            artifact,
            format,
            digests,
        } = Artifact::open(bytes)?;
        let inputs: Vec<Feature> = artifact.schema.inputs().cloned().collect();
        let policy = artifact.policy.as_ref();
        let allow_protected = policy.is_some_and(|policy| policy.allow_protected);
        Ok(Self {
            fields: Fields::new(&artifact.schema),
            predictor: Predictor::new(&artifact.model, &artifact.calibration)
                .map_err(ArtifactError::Content)?,
            constants: Constants::new(&artifact, &digests),
            row: vec![0.0; inputs.len()],
            block: batch::Block::default(),
            rule_values: RuleValues::new(&artifact.schema, allow_protected),
            inputs,
            format,
            digests,
            artifact,
        })
    }

    /// What it was loaded from.
    #[must_use]
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// The format of the artifact it was loaded from.
    #[must_use]
    pub fn format(&self) -> u32 {
        self.format
    }

    /// The digest of the model: `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digests.model
    }

    /// What identifies the model and its policy.
    #[must_use]
    pub fn digests(&self) -> &Digests {
        &self.digests
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
            Ok((probability, adjusted)) => {
                let judgement = self.judge(probability);
                self.write_answer(judgement, &adjusted, out)
            }
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
        self.read_protected(&raw_fields, &mut problems);
        for (input, feature) in self.inputs.iter().enumerate() {
            let raw_field = raw_fields
                .get_mut(self.fields.index_of_input(input))
                .and_then(Option::take);
            let value = self.value_of(raw_field.as_ref());
            let imputed = self.artifact.preprocessing.imputed[input];
            match read(feature, value).and_then(|reading| resolve(feature, reading, imputed)) {
                Ok(resolved) => {
                    self.row[input] = resolved.value;
                    let feature = self.fields.index_of_input(input);
                    self.rule_values.set_resolved(feature, resolved);
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

    /// Reads the protected columns that rules may name; the model never sees them.
    fn read_protected(&mut self, raw_fields: &[Option<RawField<'_>>], problems: &mut Vec<Problem>) {
        for nth in 0..self.rule_values.protected.len() {
            let index = self.rule_values.protected[nth];
            let raw_field = raw_fields.get(index).and_then(Option::as_ref);
            let feature = &self.artifact.schema.features[index];
            match read(feature, self.value_of(raw_field)) {
                Ok(Reading::Is(value)) => self.rule_values.set(index, value),
                Ok(Reading::Missing | Reading::Unknown) => self.rule_values.set(index, f64::NAN),
                Err(error) => problems.push(Problem::refused_value(
                    feature,
                    error,
                    raw_field.and_then(RawField::echo),
                )),
            }
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
