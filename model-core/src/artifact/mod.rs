//! The artifact: everything that decides, as bytes. The format is written down in
//! `docs/reference/artifact-format.md`; every part is checked when it is read.

mod sections;
mod stored;

pub use crate::digest::hex;
pub use crate::error::ArtifactError;
pub use crate::format::{FORMAT, MAX_PAYLOAD};

use bincode::Encode;

use crate::calibration::Calibration;
use crate::digest::{digest_text, sha256};
use crate::format::HEADER_LEN;
use crate::literal::number_text;
use crate::model::{Model, ModelKind};
use crate::policy::Policy;
use crate::preprocess::Preprocessing;
use crate::reasons::Profiles;
use crate::schema::Schema;
use sections::Parts;

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
    /// The lending rules beside the model.
    pub policy: Option<Policy>,
    /// Whom an application is compared with to say why. Not needed to decide.
    pub profiles: Option<Profiles>,
}

/// An artifact as it was read, with what tells it from others.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) artifact: Artifact,
    /// The format it was stored in.
    pub(crate) format: u32,
    pub(crate) digests: Digests,
}

/// What identifies the parts of an artifact: each `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Of the model: in formats 1 and 2 of the whole payload. A change of policy does not
    /// change it.
    pub model: String,
    /// Of the policy, where there is one.
    pub policy: Option<String>,
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Encode)]
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
#[derive(Debug, Clone, PartialEq, Encode)]
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
        sealed(&stored::encode(self)?)
    }

    /// Reads and checks an artifact.
    ///
    /// # Errors
    /// When it is cut off, altered, of a newer format, or contradicts itself.
    pub fn decode(bytes: &[u8]) -> Result<Self, ArtifactError> {
        Self::open(bytes).map(|opened| opened.artifact)
    }

    pub(crate) fn open(bytes: &[u8]) -> Result<Opened, ArtifactError> {
        let (payload, digests) = checked_payload(bytes)?;
        let (artifact, format) = match payload {
            Payload::Fields { format, bytes } => (stored::decode_fields(bytes, format)?, format),
            Payload::Sections(sections) => (stored::decode(sections)?, FORMAT),
        };
        artifact.check()?;
        Ok(Opened {
            artifact,
            format,
            digests,
        })
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
        if let Some(profiles) = &self.profiles {
            profiles.check(&self.schema).map_err(content)?;
        }
        if let Some(policy) = &self.policy {
            policy
                .check(&self.schema, self.schema.languages.len())
                .and_then(|()| policy.check_threshold(self.threshold))
                .map_err(|problem| ArtifactError::Content(format!("policy: {problem}")))?;
        }
        Ok(())
    }
}

/// The artifact with another policy, or with none. All that is not the policy keeps its bytes,
/// what a newer program wrote among it; an artifact of format 1 or 2 is written in format 3.
///
/// # Errors
/// When the artifact cannot be read, or the policy does not fit it.
pub fn with_policy(bytes: &[u8], policy: Option<&Policy>) -> Result<Vec<u8>, ArtifactError> {
    let mut artifact = Artifact::decode(bytes)?;
    artifact.policy = policy.cloned();
    let (Payload::Sections(parts), _) = checked_payload(bytes)? else {
        return artifact.encode();
    };
    artifact.check()?;
    let mut payload = Vec::new();
    for part in parts.iter().filter(|part| part.tag != stored::POLICY) {
        sections::write(&mut payload, part.tag, part.bytes);
        // Where every version writes it: behind the model.
        if let (stored::MODEL, Some(policy)) = (part.tag, policy) {
            let policy = stored::encode_policy(policy)?;
            sections::write(&mut payload, stored::POLICY, &policy);
        }
    }
    sealed(&payload)
}

/// What identifies the parts of an artifact, as answers give it.
///
/// # Errors
/// When the artifact is cut off, altered or of a newer format.
pub fn digests(bytes: &[u8]) -> Result<Digests, ArtifactError> {
    Ok(checked_payload(bytes)?.1)
}

/// The digest of the model in an artifact, as answers give it.
///
/// # Errors
/// As [`digests`].
pub fn digest(bytes: &[u8]) -> Result<String, ArtifactError> {
    Ok(digests(bytes)?.model)
}

/// A payload whose digest is right.
enum Payload<'a> {
    /// Formats 1 and 2.
    Fields { format: u32, bytes: &'a [u8] },
    /// Format 3.
    Sections(Parts<'a>),
}

fn checked_payload(bytes: &[u8]) -> Result<(Payload<'_>, Digests), ArtifactError> {
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
    let (payload, digest, digests) = digested(format, payload)?;
    if digest[..] != header[20..] {
        return Err(ArtifactError::Digest);
    }
    Ok((payload, digests))
}

/// The payload with the digest that its header should hold.
fn digested(format: u32, bytes: &[u8]) -> Result<(Payload<'_>, [u8; 32], Digests), ArtifactError> {
    if format < 3 {
        let digest = sha256(bytes);
        let digests = Digests {
            model: digest_text(&digest),
            policy: None,
        };
        return Ok((Payload::Fields { format, bytes }, digest, digests));
    }
    let sections = Parts::read(bytes)?;
    let (mut model, mut policy) = (String::new(), None);
    let digest = sections::digest(&sections, |tag, digest| match tag {
        stored::MODEL => model = digest_text(&digest),
        stored::POLICY => policy = Some(digest_text(&digest)),
        _ => {}
    });
    let digests = Digests { model, policy };
    Ok((Payload::Sections(sections), digest, digests))
}

/// The payload of format 3 behind its header.
fn sealed(payload: &[u8]) -> Result<Vec<u8>, ArtifactError> {
    if payload.len() > MAX_PAYLOAD {
        let found = payload.len() as u64;
        return Err(ArtifactError::TooLarge { found });
    }
    let digest = sections::digest(&Parts::read(payload)?, |_, _| {});
    let mut bytes = Vec::with_capacity(HEADER_LEN + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&digest);
    bytes.extend_from_slice(payload);
    Ok(bytes)
}
