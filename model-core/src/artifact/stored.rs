//! What the payload of an artifact holds: the fields of formats 1 and 2, one after another,
//! and the sections of format 3.

use bincode::enc::Encode;

use super::sections::{Parts, Tag, write};
use super::{Artifact, GoldenRow, Training};
use crate::calibration::Calibration;
use crate::error::ArtifactError;
use crate::model::LinearPart;
use crate::policy::Policy;
use crate::schema::Reasons;
use crate::wire::{Reader, Stored, stored};

stored!(Training {
    rows_train,
    rows_test,
    seed,
    data_sha256,
    underwrite_version,
    metrics
});
stored!(GoldenRow {
    request,
    probability
});

/// The section of all that decides but the policy.
pub(super) const MODEL: Tag = *b"MODL";
/// The section of the policy.
pub(super) const POLICY: Tag = *b"POLC";
/// The section of what explains decisions.
const REASONS: Tag = *b"rsns";
/// The section of all that decides nothing: where the model comes from.
const DETAILS: Tag = *b"dets";

/// Fields of [`MODEL`].
const SCHEMA: Tag = *b"SCHM";
const PREPROCESSING: Tag = *b"PREP";
const KIND: Tag = *b"KIND";
const FORM: Tag = *b"FORM";
const LINEAR_PART: Tag = *b"LINR";
const INDICATORS: Tag = *b"INDI";
const THRESHOLD: Tag = *b"THRS";
const ARITHMETIC: Tag = *b"ARIT";
const CALIBRATION: Tag = *b"CALI";
const LANGUAGES: Tag = *b"LANG";
const DERIVED: Tag = *b"DRVD";
const TRANSLATIONS: Tag = *b"trsl";
const OUTCOMES: Tag = *b"outc";
const SAMPLES: Tag = *b"smpl";

/// Stands in [`MODEL`] where answers carry reasons.
const IN_ANSWER: Tag = *b"ANSW";

/// Fields of [`REASONS`].
const CATALOGUE: Tag = *b"catl";
const PROFILES: Tag = *b"prof";
const SCHEMA_TRANSLATIONS: Tag = *b"trs2";
const ACTIONS: Tag = *b"actn";

/// The field of [`POLICY`].
const RULES: Tag = *b"RULE";

/// Fields of [`DETAILS`].
const TRAINING: Tag = *b"trng";
const ENGINE: Tag = *b"engn";
const GOLDEN_ROWS: Tag = *b"gold";
const HISTORY: Tag = *b"hist";

/// The sections of format 3.
pub(super) fn encode(artifact: &Artifact) -> Result<Vec<u8>, ArtifactError> {
    let mut out = Vec::new();
    let mut model = Vec::new();
    put(&mut model, SCHEMA, &artifact.schema)?;
    put(&mut model, PREPROCESSING, &artifact.preprocessing)?;
    put(&mut model, KIND, &artifact.kind)?;
    put(&mut model, FORM, &artifact.model)?;
    if let Some(part) = artifact.model.linear_part() {
        put(&mut model, LINEAR_PART, &part)?;
    }
    if !artifact.model.indicators().is_empty() {
        put(&mut model, INDICATORS, &artifact.model.indicators())?;
    }
    if artifact.model.arithmetic() != 0 {
        put(&mut model, ARITHMETIC, &artifact.model.arithmetic())?;
    }
    put(&mut model, THRESHOLD, &artifact.threshold)?;
    put(&mut model, CALIBRATION, &artifact.calibration)?;
    put(&mut model, LANGUAGES, &artifact.schema.languages)?;
    let derived = artifact.schema.derived();
    if !derived.is_empty() {
        put(&mut model, DERIVED, &derived)?;
    }
    if let Some(translations) = artifact.schema.feature_translations() {
        put(&mut model, TRANSLATIONS, &translations)?;
    }
    if let Some(outcomes) = &artifact.schema.target.outcomes {
        put(&mut model, OUTCOMES, outcomes)?;
    }
    if let Some(samples) = artifact.schema.samples() {
        put(&mut model, SAMPLES, &samples)?;
    }
    if artifact.schema.reasons.in_answer {
        put(&mut model, IN_ANSWER, &true)?;
    }
    if !artifact.schema.translations.is_empty() {
        put(
            &mut model,
            SCHEMA_TRANSLATIONS,
            &artifact.schema.translations,
        )?;
    }
    write(&mut out, MODEL, &model);
    if let Some(policy) = &artifact.policy {
        write(&mut out, POLICY, &encode_policy(policy)?);
    }
    let mut reasons = Vec::new();
    if artifact.schema.reasons != Reasons::default() {
        put(&mut reasons, CATALOGUE, &artifact.schema.reasons)?;
    }
    if let Some(profiles) = &artifact.profiles {
        put(&mut reasons, PROFILES, profiles)?;
    }
    let actions = artifact.schema.stored_actions();
    if !actions.is_empty() {
        put(&mut reasons, ACTIONS, &actions)?;
    }
    if !reasons.is_empty() {
        write(&mut out, REASONS, &reasons);
    }
    let mut details = Vec::new();
    put(&mut details, TRAINING, &artifact.training)?;
    put(&mut details, ENGINE, &artifact.engine_sha256)?;
    put(&mut details, GOLDEN_ROWS, &artifact.golden_rows)?;
    put(&mut details, HISTORY, &artifact.details)?;
    write(&mut out, DETAILS, &details);
    Ok(out)
}

/// The bytes of section [`POLICY`].
pub(super) fn encode_policy(policy: &Policy) -> Result<Vec<u8>, ArtifactError> {
    let mut bytes = Vec::new();
    put(&mut bytes, RULES, policy)?;
    Ok(bytes)
}

/// Reads the sections of format 3.
pub(super) fn decode(mut sections: Parts<'_>) -> Result<Artifact, ArtifactError> {
    let mut model = Parts::read(sections.require(MODEL)?)?;
    let mut details = Parts::read(sections.require(DETAILS)?)?;
    let policy = sections.take(POLICY).map(Parts::read).transpose()?;
    let mut reasons = Parts::read(sections.take(REASONS).unwrap_or_default())?;
    // In the order of the older formats, so that one reader serves them all.
    let mut values = Vec::new();
    for tag in [SCHEMA, PREPROCESSING, KIND, FORM, THRESHOLD] {
        values.push(model.require(tag)?);
    }
    for tag in [TRAINING, ENGINE, GOLDEN_ROWS] {
        values.push(details.require(tag)?);
    }
    values.push(model.require(CALIBRATION)?);
    values.push(details.require(HISTORY)?);
    values.push(model.require(LANGUAGES)?);
    let (linear_part, indicators) = (model.take(LINEAR_PART), model.take(INDICATORS));
    let (derived, translations) = (model.take(DERIVED), model.take(TRANSLATIONS));
    let (outcomes, samples) = (model.take(OUTCOMES), model.take(SAMPLES));
    let (in_answer, arithmetic) = (model.take(IN_ANSWER), model.take(ARITHMETIC));
    let (catalogue, profiles) = (reasons.take(CATALOGUE), reasons.take(PROFILES));
    let schema_translations = model.take(SCHEMA_TRANSLATIONS);
    let actions = reasons.take(ACTIONS);
    let optional = [
        linear_part,
        indicators,
        derived,
        translations,
        outcomes,
        samples,
        in_answer,
        catalogue,
        profiles,
        schema_translations,
        actions,
        arithmetic,
    ];
    values.extend(optional.into_iter().flatten());
    let has_policy = policy.is_some();
    if let Some(mut policy) = policy {
        values.push(policy.require(RULES)?);
        policy.finish()?;
    }
    model.finish()?;
    reasons.finish()?;
    details.finish()?;
    sections.finish()?;

    let mut values = Values::new(Reader::new(&[]), values);
    let mut artifact = values.artifact(3);
    artifact.schema.languages = values.next();
    let linear_part: Option<LinearPart> = linear_part.map(|_| values.next());
    let indicators = indicators.map(|_| values.next());
    let derived = derived.map(|_| values.next());
    let translations = translations.map(|_| values.next());
    artifact.schema.target.outcomes = outcomes.map(|_| values.next());
    let samples = samples.map(|_| values.next());
    // What it says, the catalogue says too.
    let _: Option<bool> = in_answer.map(|_| values.next());
    if catalogue.is_some() {
        artifact.schema.reasons = values.next();
    }
    artifact.profiles = profiles.map(|_| values.next());
    let schema_translations = schema_translations.map(|_| values.next());
    let actions = actions.map(|_| values.next());
    let arithmetic: Option<u32> = arithmetic.map(|_| values.next());
    artifact.policy = has_policy.then(|| values.next());
    // Before anything is made of the values: after a problem they are not what was stored.
    values.finish()?;

    let content = |why: &str| ArtifactError::Content(why.into());
    if let Some(part) = linear_part {
        let model = artifact.model.with_linear_part(part);
        artifact.model = model.ok_or_else(|| content("a linear part without trees"))?;
    }
    if let Some(indicators) = indicators {
        let set = artifact.model.set_indicators(indicators);
        set.ok_or_else(|| content("indicators without a linear model"))?;
    }
    if let Some(bits) = arithmetic {
        let set = artifact.model.set_arithmetic(bits);
        set.ok_or_else(|| content("the model does not compute as its arithmetic says"))?;
    }
    let derived = artifact.schema.set_derived(derived.unwrap_or_default());
    derived.map_err(content)?;
    let actions = artifact.schema.set_actions(actions.unwrap_or_default());
    actions.map_err(content)?;
    artifact
        .schema
        .set_feature_translations(translations.unwrap_or_default());
    artifact.schema.set_samples(samples.unwrap_or_default());
    artifact.schema.translations = schema_translations.unwrap_or_default();
    Ok(artifact)
}

/// Reads the fields of formats 1 and 2.
///
/// # Errors
/// When the bytes are not of the form, or some are left over.
pub(super) fn decode_fields(bytes: &[u8], format: u32) -> Result<Artifact, ArtifactError> {
    let mut values = Values::new(Reader::new(bytes), Vec::new());
    let artifact = values.artifact(format);
    values.finish()?;
    Ok(artifact)
}

/// The values of an artifact, one after another: in formats 1 and 2 they stand in one row of
/// bytes, in format 3 each has its own.
struct Values<'a> {
    reader: Reader<'a>,
    /// The bytes of each value; empty where they stand in one row.
    fields: std::vec::IntoIter<&'a [u8]>,
}

impl<'a> Values<'a> {
    fn new(reader: Reader<'a>, fields: Vec<&'a [u8]>) -> Self {
        Self {
            reader,
            fields: fields.into_iter(),
        }
    }

    fn next<T: Stored>(&mut self) -> T {
        self.step();
        self.reader.read()
    }

    #[inline(never)]
    fn step(&mut self) {
        if let Some(field) = self.fields.next() {
            self.reader.go_on(field);
        }
    }

    /// What every format has, in the order of formats 1 and 2.
    #[inline(never)]
    fn artifact(&mut self, format: u32) -> Artifact {
        let mut artifact = Artifact {
            schema: self.next(),
            preprocessing: self.next(),
            kind: self.next(),
            model: self.next(),
            threshold: self.next(),
            training: self.next(),
            engine_sha256: self.next(),
            golden_rows: self.next(),
            calibration: Calibration::None,
            details: Vec::new(),
            policy: None,
            profiles: None,
        };
        if format > 1 {
            artifact.calibration = self.next();
            self.step();
            artifact.details = self.reader.bytes().to_vec();
        }
        artifact
    }

    fn finish(self) -> Result<(), ArtifactError> {
        match self.reader.finish() {
            None => Ok(()),
            Some(problem) => Err(ArtifactError::Payload(problem)),
        }
    }
}

fn put(out: &mut Vec<u8>, tag: Tag, value: &impl Encode) -> Result<(), ArtifactError> {
    let bytes = bincode::encode_to_vec(value, bincode::config::standard())
        .map_err(|error| ArtifactError::Payload(error.to_string()))?;
    write(out, tag, &bytes);
    Ok(())
}
