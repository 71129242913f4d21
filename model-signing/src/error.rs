//! Why something cannot be signed, or a signature does not hold.

use std::io;
use std::path::PathBuf;

/// Why something cannot be signed, or a signature does not hold. Each is a sentence without
/// the name of the signature's file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A key file is none that can be used.
    #[error("not a usable key: {0}")]
    Key(String),
    /// The system gave no randomness, or the key cannot sign.
    #[error("cannot sign: the system's random numbers or the key failed")]
    Sign,
    /// A folder cannot be described by a signature.
    #[error("the folder cannot be signed: {0}")]
    Folder(String),
    /// The file is no bundle of the expected form.
    #[error("not an OpenSSF Model Signing bundle: {0}")]
    Form(String),
    /// Something valid that is not supported here.
    #[error("{0}")]
    Unsupported(String),
    /// None of the trusted keys made the signature.
    #[error("signed by the key {hint}, which is not among the trusted ones ({trusted})")]
    Untrusted {
        /// The key's id, as the bundle gives it.
        hint: String,
        /// The names of those that are trusted.
        trusted: String,
    },
    /// The signature is not of this statement.
    #[error("the signature is wrong: the statement was altered, or another key signed it")]
    Signature,
    /// A folder has files of others where those of a signature would go.
    #[error("{0}, and what is signed goes into a folder of its own: name a new one")]
    Occupied(String),
    /// A folder has files that an earlier signature covers, and a new one would not.
    #[error("{0}, and what is signed goes into a folder of its own: name a new one")]
    Outdated(String),
    /// The folder is not what was signed.
    #[error("{}", listed(.0))]
    Differs(Vec<String>),
}

/// The first few, and how many more there are.
fn listed(differences: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = differences.iter().take(SHOWN).map(String::as_str);
    let mut text = shown.collect::<Vec<_>>().join("; ");
    if differences.len() > SHOWN {
        text.push_str(&format!("; and {} more", differences.len() - SHOWN));
    }
    text
}
