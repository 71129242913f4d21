//! The bundle: a signed statement as a file.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::SigningError;
use crate::folder::{Left, Reading, Target, check_target, digests, keep_keys_out, named_file};
use crate::key::SigningKey;
use crate::signed::{Signed, Signer};
use crate::statement::{IGNORED, Resource, Statement};
use crate::trusted::TrustedKeys;
use crate::{LONGEST_BUNDLE, SIGNATURE_FILE};

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A bundle that was read, and whose signature nobody has checked yet.
#[derive(Debug)]
pub struct Bundle {
    statement: Statement,
    /// The bytes that were signed.
    payload: Vec<u8>,
    signature: Vec<u8>,
    hint: Option<String>,
}

/// The bundle of a folder: one line of JSON. Each call gives another one, since ECDSA is random.
///
/// # Errors
/// When a file cannot be read or has a private key (PEM), the folder has a symbolic link or no
/// file, or the system has no randomness.
pub fn sign_folder(folder: &Path, key: &SigningKey) -> Result<String, SigningError> {
    let reading = Reading {
        ignored: &[],
        allow_symlinks: false,
    };
    let files = reading.files(folder)?;
    keep_keys_out(&files)?;
    let resources = digests(files)?;
    if resources.is_empty() {
        let problem = format!("{} has no files", folder.display());
        return Err(SigningError::Folder(problem));
    }
    let whole = folder.canonicalize().map_err(|error| SigningError::Read {
        path: folder.to_owned(),
        error,
    })?;
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    let statement = Statement {
        subject: name.into_owned(),
        resources,
        ignored: IGNORED.map(str::to_owned).to_vec(),
        allow_symlinks: false,
    };
    sign(&statement, key)
}

fn sign(statement: &Statement, key: &SigningKey) -> Result<String, SigningError> {
    let payload = statement.to_json()?;
    let signature = key.sign(&encoded(payload.as_bytes()))?;
    let file = File {
        media_type: MEDIA_TYPE.to_owned(),
        verification_material: Material {
            public_key: Some(Hint {
                hint: Some(key.public().id().to_owned()),
            }),
            // Readers that follow protobuf take an absent list, the reference does not.
            tlog_entries: Some(Vec::new()),
        },
        dsse_envelope: Envelope {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![EnvelopeSignature {
                sig: STANDARD.encode(signature),
            }],
        },
    };
    serde_json::to_string(&file).map_err(|error| SigningError::Form(error.to_string()))
}

/// What is signed of a payload: DSSE's pre-authentication encoding.
fn encoded(payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} ",
        PAYLOAD_TYPE.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

impl Bundle {
    /// Reads a bundle. This says nothing about who made it: see [`Bundle::verify`].
    ///
    /// # Errors
    /// When it is no bundle of method `key`, or its statement is of another kind.
    pub fn parse(bytes: &[u8]) -> Result<Self, SigningError> {
        if bytes.len() > LONGEST_BUNDLE {
            let problem = format!("{} bytes, expected at most {LONGEST_BUNDLE}", bytes.len());
            return Err(SigningError::Form(problem));
        }
        let form = |problem: String| SigningError::Form(problem);
        let file: File = serde_json::from_slice(bytes).map_err(|error| form(error.to_string()))?;
        if file.media_type != MEDIA_TYPE {
            return Err(form(format!(
                "its media type is `{}`, expected `{MEDIA_TYPE}`",
                file.media_type
            )));
        }
        let Some(key) = file.verification_material.public_key else {
            let problem = "it is signed with a certificate or keyless, and only the method `key` is supported: sign with a key";
            return Err(SigningError::Unsupported(problem.to_owned()));
        };
        let envelope = file.dsse_envelope;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(form(format!(
                "its payload is `{}`, expected `{PAYLOAD_TYPE}`",
                envelope.payload_type
            )));
        }
        let [signature] = &envelope.signatures[..] else {
            return Err(form(format!(
                "{} signatures, expected one",
                envelope.signatures.len()
            )));
        };
        let base64 = |what: &str, text: &str| {
            let bytes = STANDARD.decode(text);
            bytes.map_err(|error| form(format!("its {what} is not base64: {error}")))
        };
        let payload = base64("payload", &envelope.payload)?;
        Ok(Self {
            statement: Statement::from_json(&payload)?,
            signature: base64("signature", &signature.sig)?,
            payload,
            hint: key.hint,
        })
    }

    /// The files that it names, whoever made it.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.statement.resources
    }

    /// Where a file that it names is in a folder: a plain file of the content that it has.
    /// Whoever made the bundle: no key is asked for.
    ///
    /// # Errors
    /// When the file is missing, was altered, was not named, or is a symbolic link or behind
    /// one, even where the bundle allows these: it could be any file that its reader has.
    pub fn file(&self, folder: &Path, name: &str) -> Result<PathBuf, SigningError> {
        let named = self.resources().iter().find(|one| one.name == name);
        let named =
            named.ok_or_else(|| SigningError::Differs(vec![format!("{name} was not signed")]))?;
        named_file(folder, named)
    }

    /// Checks that the files that it names may be written into a folder, beside `main`, for which
    /// the caller answers. Whoever made the bundle chose their names, so nothing that is somebody
    /// else's is replaced, and no program finds a file of its own there: the folder is a new or
    /// empty one, or has what its own signature covers, as an earlier version left it, or what this
    /// one names, as it is signed. No file may stay there that this bundle does not name: its
    /// signature would not hold.
    ///
    /// `is_aside` knows by their names the files that a write leaves there when it breaks off. They
    /// are in nobody's way, and are returned for the caller to remove. A bundle among them covers
    /// files as the folder's own does: what the write had put in its place.
    ///
    /// # Errors
    /// When a name is hidden (`.git/config`) or has control characters, or the folder has other
    /// files, altered ones, or links ([`SigningError::Occupied`]), or files of an earlier version
    /// that this one does not have ([`SigningError::Outdated`]).
    pub fn check_target(
        &self,
        folder: &Path,
        main: &str,
        is_aside: fn(&str) -> bool,
    ) -> Result<Left, SigningError> {
        let target = Target {
            folder,
            main,
            is_aside,
        };
        let mut earlier: Vec<Resource> = Vec::new();
        let mut signatures = target.asides()?;
        signatures.retain(|path| match Self::beside(path) {
            Some(bundle) => {
                earlier.extend(bundle.statement.resources);
                true
            }
            None => false,
        });
        if let Some(bundle) = Self::beside(&folder.join(SIGNATURE_FILE)) {
            earlier.extend(bundle.statement.resources);
        }
        let mut files = check_target(&target, &earlier, self.resources())?;
        files.retain(|path| !signatures.contains(path));
        Ok(Left { files, signatures })
    }

    /// A bundle that lies in a folder; `None` where there is none or it cannot be read.
    fn beside(path: &Path) -> Option<Self> {
        let kind = std::fs::metadata(path).ok()?;
        if !kind.is_file() || kind.len() > LONGEST_BUNDLE as u64 {
            return None;
        }
        Self::parse(&std::fs::read(path).ok()?).ok()
    }

    /// Checks that one of these keys signed it.
    ///
    /// # Errors
    /// When none did, or the statement was altered since.
    pub fn verify(self, trusted: &TrustedKeys) -> Result<Signed, SigningError> {
        let signed = encoded(&self.payload);
        // A bundle of before the format's 1.0 names no key.
        let is_named = |id: &str| self.hint.as_deref().is_none_or(|hint| hint == id);
        let mut named = trusted.iter().filter(|(_, key)| is_named(key.id()));
        if named.clone().next().is_none() {
            return Err(SigningError::Untrusted {
                hint: self.hint.unwrap_or_default(),
                trusted: trusted.names(),
            });
        }
        let found = named.find(|(_, key)| key.is_of(&self.signature, &signed));
        let (name, key) = found.ok_or(SigningError::Signature)?;
        let signer = Signer {
            name: name.to_owned(),
            key: key.id().to_owned(),
        };
        Ok(Signed::new(signer, self.statement))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: Option<Hint>,
    /// Of a transparency log; not read here.
    #[serde(skip_deserializing)]
    tlog_entries: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Hint {
    hint: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Serialize, Deserialize)]
struct EnvelopeSignature {
    sig: String,
}
