//! What the payload of an artifact holds: the fields of formats 1 and 2, one after another,
//! and the sections of format 3.

use bincode::de::{Decode, Decoder};
use bincode::enc::Encode;
use bincode::error::DecodeError;

use super::Artifact;
use super::sections::{Parts, Tag, write};
use crate::calibration::Calibration;
use crate::error::ArtifactError;
use crate::policy::Policy;
use crate::schema::Schema;
use crate::wire::{MAX_PAYLOAD, text};

/// The section of all that decides but the policy.
pub(super) const MODEL: Tag = *b"MODL";
/// The section of the policy.
pub(super) const POLICY: Tag = *b"POLC";
/// The section of all that decides nothing: where the model comes from.
const DETAILS: Tag = *b"dets";

/// Fields of [`MODEL`].
const SCHEMA: Tag = *b"SCHM";
const PREPROCESSING: Tag = *b"PREP";
const KIND: Tag = *b"KIND";
const FORM: Tag = *b"FORM";
const THRESHOLD: Tag = *b"THRS";
const CALIBRATION: Tag = *b"CALI";
const LANGUAGES: Tag = *b"LANG";
const DERIVED: Tag = *b"DRVD";
const TRANSLATIONS: Tag = *b"trsl";

/// The field of [`POLICY`].
const RULES: Tag = *b"RULE";

/// Fields of [`DETAILS`].
const TRAINING: Tag = *b"trng";
const ENGINE: Tag = *b"engn";
const GOLDEN_ROWS: Tag = *b"gold";
const HISTORY: Tag = *b"hist";

/// The format that is read.
pub(super) struct Format(pub(super) u32);

/// The sections of format 3.
pub(super) fn encode(artifact: &Artifact) -> Result<Vec<u8>, ArtifactError> {
    let mut out = Vec::new();
    let mut model = Vec::new();
    put(&mut model, SCHEMA, &artifact.schema)?;
    put(&mut model, PREPROCESSING, &artifact.preprocessing)?;
    put(&mut model, KIND, &artifact.kind)?;
    put(&mut model, FORM, &artifact.model)?;
    put(&mut model, THRESHOLD, &artifact.threshold)?;
    put(&mut model, CALIBRATION, &artifact.calibration)?;
    put(&mut model, LANGUAGES, &artifact.schema.languages)?;
    let derived = artifact.schema.derived();
    if !derived.is_empty() {
        put(&mut model, DERIVED, &derived)?;
    }
    if let Some(translations) = artifact.schema.translations() {
        put(&mut model, TRANSLATIONS, &translations)?;
    }
    write(&mut out, MODEL, &model);
    if let Some(policy) = &artifact.policy {
        write(&mut out, POLICY, &encode_policy(policy)?);
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
    let mut schema: Schema = read(model.require(SCHEMA)?)?;
    schema.languages = read(model.require(LANGUAGES)?)?;
    if let Some(bytes) = model.take(DERIVED) {
        (schema.set_derived(read(bytes)?)).map_err(|why| ArtifactError::Content(why.into()))?;
    }
    if let Some(bytes) = model.take(TRANSLATIONS) {
        schema.set_translations(read(bytes)?);
    }
    let artifact = Artifact {
        schema,
        preprocessing: read(model.require(PREPROCESSING)?)?,
        kind: read(model.require(KIND)?)?,
        model: read(model.require(FORM)?)?,
        threshold: read(model.require(THRESHOLD)?)?,
        calibration: read(model.require(CALIBRATION)?)?,
        training: read(details.require(TRAINING)?)?,
        engine_sha256: read(details.require(ENGINE)?)?,
        golden_rows: read(details.require(GOLDEN_ROWS)?)?,
        details: read(details.require(HISTORY)?)?,
        policy: policy.map(decode_policy).transpose()?,
    };
    model.finish()?;
    details.finish()?;
    sections.finish()?;
    Ok(artifact)
}

fn decode_policy(mut fields: Parts<'_>) -> Result<Policy, ArtifactError> {
    let policy = read(fields.require(RULES)?)?;
    fields.finish()?;
    Ok(policy)
}

/// Reads the fields of formats 1 and 2, and what one of format 3 holds.
///
/// # Errors
/// When the bytes are not of the form, or some are left over.
pub(super) fn read_whole<T: Decode<Format>>(bytes: &[u8], format: u32) -> Result<T, ArtifactError> {
    let limit = bincode::config::standard().with_limit::<MAX_PAYLOAD>();
    let (value, read): (T, usize) =
        bincode::decode_from_slice_with_context(bytes, limit, Format(format))
            .map_err(|error| ArtifactError::Payload(decode_problem(&error)))?;
    if read != bytes.len() {
        return Err(ArtifactError::Payload(format!(
            "{} bytes are left over",
            bytes.len() - read
        )));
    }
    Ok(value)
}

fn read<T: Decode<Format>>(bytes: &[u8]) -> Result<T, ArtifactError> {
    read_whole(bytes, 3)
}

fn put(out: &mut Vec<u8>, tag: Tag, value: &impl Encode) -> Result<(), ArtifactError> {
    let bytes = bincode::encode_to_vec(value, bincode::config::standard())
        .map_err(|error| ArtifactError::Payload(error.to_string()))?;
    write(out, tag, &bytes);
    Ok(())
}

impl Decode<Format> for Artifact {
    fn decode<D: Decoder<Context = Format>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let mut artifact = Self {
            schema: Decode::decode(decoder)?,
            preprocessing: Decode::decode(decoder)?,
            kind: Decode::decode(decoder)?,
            model: Decode::decode(decoder)?,
            threshold: Decode::decode(decoder)?,
            training: Decode::decode(decoder)?,
            engine_sha256: text(decoder)?,
            golden_rows: Decode::decode(decoder)?,
            calibration: Calibration::None,
            details: Vec::new(),
            policy: None,
        };
        if decoder.context().0 > 1 {
            artifact.calibration = Decode::decode(decoder)?;
            artifact.details = Decode::decode(decoder)?;
        }
        Ok(artifact)
    }
}

/// A short reason: bincode's own messages are for programmers, and long.
fn decode_problem(error: &DecodeError) -> String {
    match error {
        DecodeError::UnexpectedEnd { .. } => "it ends too early",
        DecodeError::LimitExceeded => "it asks for more memory than allowed",
        DecodeError::Utf8 { .. } => "a text in it is not UTF-8",
        DecodeError::UnexpectedVariant { .. } => "it holds a choice this program does not know",
        _ => "it does not have the form of an artifact",
    }
    .into()
}
