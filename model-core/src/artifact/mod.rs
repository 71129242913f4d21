//! The artifact: everything that decides, as bytes. The format is written down in
//! `docs/reference/artifact-format.md`; every part is checked when it is read.

mod stored;

pub use crate::error::ArtifactError;
pub use crate::wire::{FORMAT, MAX_PAYLOAD};

use bincode::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::calibration::Calibration;
use crate::literal::number_text;
use crate::model::{Model, ModelKind};
use crate::preprocess::Preprocessing;
use crate::schema::Schema;
use crate::wire::HEADER_LEN;
use stored::Format;

const MAGIC: &[u8; 8] = b"UWMODEL\0";

/// Everything that decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// What an application may contain.
    pub schema: Schema,
    /// What to fill in.
    pub preprocessing: Preprocessing,
    /// How the model was made.
    pub kind: ModelKind,
    /// The model.
    pub model: Model,
    /// The probability from which the answer is yes, 0 to 1.
    pub threshold: f64,
    /// Where the model comes from.
    pub training: Training,
    /// SHA-256 of the engine it was packed with, lower-case hexadecimal.
    pub engine_sha256: String,
    /// Synthetic applications with their answers, to check a copy by.
    pub golden_rows: Vec<GoldenRow>,
    /// What the model's probability goes through last.
    pub calibration: Calibration,
    /// How the model was made: see [`crate::details::Details`]. Not needed to decide.
    pub details: Vec<u8>,
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Training {
    /// Rows it was fitted on.
    pub rows_train: u64,
    /// Rows it was measured on.
    pub rows_test: u64,
    /// The seed of the split and the fit.
    pub seed: u64,
    /// SHA-256 of the training file, lower-case hexadecimal.
    pub data_sha256: String,
    /// The program's version.
    pub underwrite_version: String,
    /// Name and value of each metric on the test rows.
    pub metrics: Vec<(String, f64)>,
}

/// A synthetic application and what the model says to it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct GoldenRow {
    /// A request's JSON.
    pub request: String,
    /// The answer's probability, to the bit.
    pub probability: f64,
}

impl Artifact {
    /// Header and payload.
    ///
    /// # Errors
    /// When the artifact contradicts itself or is too large.
    pub fn encode(&self) -> Result<Vec<u8>, ArtifactError> {
        self.check()?;
        let payload = bincode::encode_to_vec(self, bincode::config::standard())
            .map_err(|error| ArtifactError::Payload(error.to_string()))?;
        if payload.len() > MAX_PAYLOAD {
            let found = payload.len() as u64;
            return Err(ArtifactError::TooLarge { found });
        }
        let mut bytes = Vec::with_capacity(HEADER_LEN + payload.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&sha256(&payload));
        bytes.extend_from_slice(&payload);
        Ok(bytes)
    }

    /// Reads and checks an artifact.
    ///
    /// # Errors
    /// When it is cut off, altered, of a newer format, or contradicts itself.
    pub fn decode(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let (format, payload) = checked_payload(bytes)?;
        let limit = bincode::config::standard().with_limit::<MAX_PAYLOAD>();
        let (artifact, read): (Self, usize) =
            bincode::decode_from_slice_with_context(payload, limit, Format(format))
                .map_err(|error| ArtifactError::Payload(decode_problem(&error)))?;
        if read != payload.len() {
            return Err(ArtifactError::Payload(format!(
                "{} bytes are left over",
                payload.len() - read
            )));
        }
        artifact.check()?;
        Ok(artifact)
    }

    fn check(&self) -> Result<(), ArtifactError> {
        let content = ArtifactError::Content;
        self.schema
            .check()
            .map_err(|problem| content(problem.to_string()))?;
        self.preprocessing.check(&self.schema).map_err(content)?;
        self.model.check(&self.schema).map_err(content)?;
        self.calibration.check().map_err(content)?;
        if !(0.0..=1.0).contains(&self.threshold) {
            return Err(content(format!(
                "the threshold is {}, expected 0 to 1",
                number_text(self.threshold)
            )));
        }
        Ok(())
    }
}

/// The digest of an artifact, as answers give it: `sha256:` and 64 hexadecimal digits.
/// It is read from the header; [`Artifact::decode`] checks that it is right.
///
/// # Errors
/// When the header is not whole.
pub fn digest(bytes: &[u8]) -> Result<String, ArtifactError> {
    let digest = bytes.get(20..HEADER_LEN).ok_or(ArtifactError::Magic)?;
    Ok(format!("sha256:{}", hex(digest)))
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

fn checked_payload(bytes: &[u8]) -> Result<(u32, &[u8]), ArtifactError> {
    if !bytes.starts_with(MAGIC) {
        return Err(ArtifactError::Magic);
    }
    let (header, payload) =
        bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(ArtifactError::Header {
                found: bytes.len() as u64,
            })?;
    let format = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if !(1..=FORMAT).contains(&format) {
        return Err(ArtifactError::Format { found: format });
    }
    let mut expected = [0; 8];
    expected.copy_from_slice(&header[12..20]);
    let expected = u64::from_le_bytes(expected);
    let found = payload.len() as u64;
    if expected != found {
        return Err(ArtifactError::Length { expected, found });
    }
    if payload.len() > MAX_PAYLOAD {
        return Err(ArtifactError::TooLarge { found });
    }
    if sha256(payload)[..] != header[20..] {
        return Err(ArtifactError::Digest);
    }
    Ok((format, payload))
}

/// In pieces: a browser's engine swaps slow code for fast code only between calls.
fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for piece in bytes.chunks(4096) {
        digest.update(piece);
    }
    digest.finalize().into()
}

/// A short reason: bincode's own sentences are for programmers, and long.
fn decode_problem(error: &bincode::error::DecodeError) -> String {
    use bincode::error::DecodeError;
    match error {
        DecodeError::UnexpectedEnd { .. } => "it ends too early",
        DecodeError::LimitExceeded => "it asks for more memory than allowed",
        DecodeError::Utf8 { .. } => "a text in it is not UTF-8",
        DecodeError::UnexpectedVariant { .. } => "it holds a choice this program does not know",
        _ => "it does not have the form of an artifact",
    }
    .into()
}
