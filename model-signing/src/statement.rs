//! The in-toto statement (v1) of a signature: which files there are, and the SHA-256 of each.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::SIGNATURE_FILE;
use crate::digest::{sha256, unhex};
use crate::error::SigningError;

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://model_signing/signature/v1.0";
const SHA256: &str = "sha256";
const FILES: &str = "files";

/// What is never part of a model, as the reference implementation has it.
pub(crate) const IGNORED: [&str; 5] = [
    SIGNATURE_FILE,
    ".git",
    ".gitattributes",
    ".github",
    ".gitignore",
];

/// A file that a signature covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its path in the folder, with `/`.
    pub name: String,
    algorithm: String,
    /// Its SHA-256: 64 lower-case hexadecimal digits.
    pub digest: String,
}

impl Resource {
    /// A file of this path and SHA-256.
    pub(crate) fn new(name: String, digest: String) -> Self {
        let algorithm = SHA256.to_owned();
        Self {
            name,
            algorithm,
            digest,
        }
    }
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The folder's name when it was signed.
    pub(crate) subject: String,
    pub(crate) resources: Vec<Resource>,
    /// Paths that are not looked at, beside [`IGNORED`].
    pub(crate) ignored: Vec<String>,
    /// Whether symbolic links are followed rather than refused.
    pub(crate) allow_symlinks: bool,
}

#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Value,
}

#[derive(Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Serialize, Deserialize)]
struct SubjectDigest {
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Predicate {
    serialization: Serialization,
    resources: Vec<Resource>,
}

#[derive(Serialize, Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    #[serde(default)]
    allow_symlinks: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

impl Statement {
    /// The JSON that is signed.
    pub(crate) fn to_json(&self) -> Result<String, SigningError> {
        let predicate = Predicate {
            serialization: Serialization {
                method: FILES.to_owned(),
                hash_type: SHA256.to_owned(),
                allow_symlinks: self.allow_symlinks,
                ignore_paths: self.ignored.clone(),
            },
            resources: self.resources.clone(),
        };
        let form = |error: serde_json::Error| SigningError::Form(error.to_string());
        let document = Document {
            kind: STATEMENT.to_owned(),
            subject: vec![Subject {
                name: self.subject.clone(),
                digest: SubjectDigest {
                    sha256: root(&self.resources)?,
                },
            }],
            predicate_type: PREDICATE.to_owned(),
            predicate: serde_json::to_value(predicate).map_err(form)?,
        };
        serde_json::to_string(&document).map_err(form)
    }

    /// Reads what was signed.
    ///
    /// # Errors
    /// When it is another kind of statement, contradicts itself or asks for more than files
    /// by their SHA-256.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, SigningError> {
        let form = |error: serde_json::Error| SigningError::Form(format!("its statement: {error}"));
        let document: Document = serde_json::from_slice(json).map_err(form)?;
        expect("the statement's type", &document.kind, STATEMENT)?;
        expect("the predicate", &document.predicate_type, PREDICATE)?;
        let [subject] = &document.subject[..] else {
            let problem = format!("{} subjects, expected one", document.subject.len());
            return Err(SigningError::Form(problem));
        };
        let predicate: Predicate = serde_json::from_value(document.predicate).map_err(form)?;
        let serialization = predicate.serialization;
        supported("method", &serialization.method, FILES)?;
        supported("hash_type", &serialization.hash_type, SHA256)?;
        for resource in &predicate.resources {
            supported("algorithm", &resource.algorithm, SHA256)?;
            if !is_inside(&resource.name) {
                return Err(SigningError::Form(format!(
                    "it names the file `{}`, expected a path inside the folder",
                    resource.name
                )));
            }
        }
        if root(&predicate.resources)? != subject.digest.sha256 {
            let problem = "its files do not add up to the digest of its subject";
            return Err(SigningError::Form(problem.to_owned()));
        }
        Ok(Self {
            subject: subject.name.clone(),
            resources: predicate.resources,
            ignored: serialization.ignore_paths,
            allow_symlinks: serialization.allow_symlinks,
        })
    }
}

/// The subject's digest: SHA-256 over the digests of the files, in their order.
fn root(resources: &[Resource]) -> Result<String, SigningError> {
    let mut all = Vec::with_capacity(resources.len() * 32);
    for resource in resources {
        let digest = unhex(&resource.digest).ok_or_else(|| {
            SigningError::Form(format!(
                "the digest of {} is `{}`, expected 64 hexadecimal digits",
                resource.name, resource.digest
            ))
        })?;
        all.extend(digest);
    }
    Ok(sha256(&all))
}

/// Whether a path cannot leave the folder.
fn is_inside(path: &str) -> bool {
    let odd = |part: &str| matches!(part, "" | "." | "..");
    !path.split('/').any(odd) && !path.contains('\\')
}

fn expect(what: &str, found: &str, expected: &str) -> Result<(), SigningError> {
    match found == expected {
        true => Ok(()),
        false => Err(SigningError::Form(format!(
            "{what} is `{found}`, expected `{expected}`"
        ))),
    }
}

fn supported(what: &str, found: &str, expected: &str) -> Result<(), SigningError> {
    match found == expected {
        true => Ok(()),
        false => Err(SigningError::Unsupported(format!(
            "the bundle's {what} is `{found}`, and only `{expected}` is supported: sign again with it"
        ))),
    }
}
