//! Decisions: the bytes of a request in, the bytes of an answer out. The contract is
//! written down in `docs/reference/decision-contract.md`.

mod answer;
mod application;
mod batch;
mod columns;
mod derive;
mod explain;
mod fields;
mod observe;
mod outcome;
mod problem;
mod request;

pub use answer::write_value;
pub use application::Application;
pub use batch::REFUSED;
pub use columns::ColumnRow;
pub use outcome::{Judgement, Matched, reaches};
pub use problem::{
    shortened, write_detail, write_refused_key, write_repeated_key, write_unavailable,
};
pub use request::{MAX_REQUEST, repeated};

use crate::artifact::{Artifact, ArtifactError, Digests, Opened};
use crate::model::Predictor;
use crate::preprocess::{Adjustment, Origin, Resolved, resolve};
use crate::reasons::Compared;
use crate::schema::Feature;
use crate::value::{Reading, Value, ValueError, read};
use answer::Constants;
use derive::Derivation;
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
    predictor: Predictor,
    constants: Constants,
    row: Vec<f64>,
    block: batch::Block,
    rule_values: RuleValues,
    derivation: Derivation,
    /// `None` before the first explanation.
    compared: Option<Box<Compared>>,
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
        let inputs = artifact.schema.inputs().count();
        let fields = Fields::new(&artifact.schema);
        Ok(Self {
            derivation: Derivation::new(&artifact.schema, &fields),
            fields,
            predictor: Predictor::new(&artifact.model, &artifact.calibration)
                .map_err(ArtifactError::Content)?,
            constants: Constants::new(&artifact, &digests),
            compared: None,
            row: vec![0.0; inputs],
            block: batch::Block::default(),
            rule_values: RuleValues::new(&artifact.schema, artifact.policy.as_ref()),
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
        self.row.len()
    }

    /// Answers one request: appends JSON to `out` and returns the HTTP status, 200, 413 or 422.
    pub fn decide(&mut self, request: &[u8], out: &mut Vec<u8>) -> u16 {
        if request.len() > MAX_REQUEST {
            return problem::write_too_large(out);
        }
        match self.evaluated(request) {
            Ok((judgement, adjusted)) => {
                let reasons = self.reasons_in_answer(judgement, &adjusted);
                self.write_answer(judgement, &adjusted, reasons.as_deref(), out)
            }
            Err(problems) => problem::write_refusal(&problems, out),
        }
    }

    /// Reads an application and judges it.
    #[inline(never)]
    fn evaluated<'r>(
        &mut self,
        request: &'r [u8],
    ) -> Result<(Judgement, Vec<Adjusted<'r>>), Vec<Problem>> {
        let (raw_fields, problems) = request::parse(request, &self.fields, &self.artifact.schema)?;
        let (probability, adjusted) = self.evaluate(raw_fields, problems)?;
        Ok((self.judge(probability), adjusted))
    }

    /// Reads every input, applies the policies, computes what is derived, and predicts.
    fn evaluate<'r>(
        &mut self,
        mut raw_fields: Vec<Option<RawField<'r>>>,
        mut problems: Vec<Problem>,
    ) -> Result<(f64, Vec<Adjusted<'r>>), Vec<Problem>> {
        let mut adjusted = Vec::new();
        self.read_protected(&raw_fields, &mut problems);
        for input in 0..self.row.len() {
            if self.feature(input).derived.is_none() {
                let raw_field = self.take(input, &mut raw_fields);
                let settled = self.settle(input, raw_field.as_ref());
                self.keep(input, raw_field, settled, &mut adjusted, &mut problems);
            }
        }
        // What is derived follows from values that were accepted.
        let sound = problems.is_empty();
        let mut nth = 0;
        while let Some(input) = self.derivation.input(nth) {
            let raw_field = self.take(input, &mut raw_fields);
            let settled = self.settle_derived(nth, input, raw_field.as_ref(), sound);
            self.keep(input, raw_field, settled, &mut adjusted, &mut problems);
            nth += 1;
        }
        problems.extend(self.too_many(adjusted.len()));
        if problems.is_empty() {
            Ok((self.predictor.predict_row(&self.row), adjusted))
        } else {
            Err(problems)
        }
    }

    /// The feature of an input.
    fn feature(&self, input: usize) -> &Feature {
        input_of(&self.artifact, &self.fields, input)
    }

    fn take<'r>(
        &self,
        input: usize,
        raw_fields: &mut [Option<RawField<'r>>],
    ) -> Option<RawField<'r>> {
        raw_fields
            .get_mut(self.fields.index_of_input(input))
            .and_then(Option::take)
    }

    /// What a given input comes to.
    fn settle(
        &mut self,
        input: usize,
        raw_field: Option<&RawField<'_>>,
    ) -> Result<Option<Resolved>, ValueError> {
        let feature = input_of(&self.artifact, &self.fields, input);
        let reading = self.read(feature, raw_field)?;
        let imputed = self.artifact.preprocessing.imputed[input];
        let resolved = resolve(feature, reading, imputed)?;
        let index = self.fields.index_of_input(input);
        let origin = Origin::from(resolved);
        self.derivation.set(index, resolved.value, origin);
        self.set_for_rules(index, resolved.value, origin == Origin::Missing);
        Ok(Some(resolved))
    }

    /// What a derived input comes to; `None` where nothing can be computed since other
    /// fields were refused.
    fn settle_derived(
        &mut self,
        nth: usize,
        input: usize,
        raw_field: Option<&RawField<'_>>,
        sound: bool,
    ) -> Result<Option<Resolved>, ValueError> {
        let feature = input_of(&self.artifact, &self.fields, input);
        let reading = self.read(feature, raw_field)?;
        if !sound {
            return Ok(None);
        }
        let imputed = self.artifact.preprocessing.imputed[input];
        let (resolved, missing) = self.derivation.resolve(nth, feature, reading, imputed)?;
        let index = self.fields.index_of_input(input);
        self.set_for_rules(index, resolved.value, missing);
        Ok(Some(resolved))
    }

    /// What was filled in for a missing value is missing to a rule: nobody said it.
    fn set_for_rules(&mut self, feature: usize, value: f64, missing: bool) {
        let value = if missing { f64::NAN } else { value };
        self.rule_values.set(feature, value);
    }

    fn keep<'r>(
        &mut self,
        input: usize,
        raw_field: Option<RawField<'r>>,
        settled: Result<Option<Resolved>, ValueError>,
        adjusted: &mut Vec<Adjusted<'r>>,
        problems: &mut Vec<Problem>,
    ) {
        match settled {
            Ok(Some(resolved)) => {
                self.row[input] = resolved.value;
                if let Some(adjustment) = resolved.adjusted {
                    // In schema order: what is derived comes behind what it needs.
                    let at = adjusted.partition_point(|earlier| earlier.input < input);
                    let adjusted_one = Adjusted {
                        input,
                        adjustment,
                        from: raw_field,
                        to: resolved.value,
                    };
                    adjusted.insert(at, adjusted_one);
                }
            }
            Ok(None) => {}
            Err(error) => problems.push(Problem::refused_value(
                self.feature(input),
                error,
                raw_field.as_ref().and_then(RawField::echo),
            )),
        }
    }

    /// Reads the protected columns that rules may name; the model never sees them.
    fn read_protected(&mut self, raw_fields: &[Option<RawField<'_>>], problems: &mut Vec<Problem>) {
        for nth in 0..self.rule_values.protected.len() {
            let index = self.rule_values.protected[nth];
            let raw_field = raw_fields.get(index).and_then(Option::as_ref);
            let feature = &self.artifact.schema.features[index];
            match self.read(feature, raw_field) {
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

    /// Reads what came in the field of a feature.
    fn read(
        &self,
        feature: &Feature,
        raw_field: Option<&RawField<'_>>,
    ) -> Result<Reading, ValueError> {
        let value = raw_field.map_or(Value::Missing, RawField::value);
        read(feature, value, &self.artifact.schema.missing_values)
    }

    fn too_many(&self, adjustments: usize) -> Option<Problem> {
        let most = self.artifact.schema.max_adjustments?;
        (adjustments > most as usize).then(|| Problem::too_many_adjustments(adjustments, most))
    }
}

/// The feature of an input, as `row` and the model number them: in schema order.
fn input_of<'a>(artifact: &'a Artifact, fields: &Fields, input: usize) -> &'a Feature {
    &artifact.schema.features[fields.index_of_input(input)]
}
