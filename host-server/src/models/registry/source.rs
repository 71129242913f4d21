//! Where models come from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

/// Where models come from.
#[derive(Debug, Clone)]
pub enum ModelSource {
    /// One `model.wasm`.
    File(PathBuf),
    /// A folder with `<name>/<version>/model.wasm`.
    Folder(PathBuf),
    /// One `model.wasm` from a remote repository.
    Fetched(Fetched),
}

/// A `model.wasm` that was fetched into a file.
#[derive(Clone)]
pub struct Fetched {
    /// The file.
    pub path: PathBuf,
    /// Fetches the newest file, for a reload. An error says why it cannot; the loaded model
    /// then stays in service. It may block.
    pub again: Arc<dyn Fn() -> Result<PathBuf, String> + Send + Sync>,
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Fetched")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Looks at a file's bytes.
type Check = dyn Fn(&[u8]) -> Result<Checked, String> + Send + Sync;

/// A check of a file's bytes, beside its seal.
#[derive(Clone)]
pub struct FileCheck(pub Arc<Check>);

/// What a check says of a file that may be loaded; a refusal is an error, a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// It is as it should be.
    Good,
    /// It may be loaded: its WebAssembly runs in a sandbox.
    Doubtful {
        /// A sentence for the log.
        reason: String,
        /// The JavaScript that is served instead of the file's, which runs in no sandbox. `None`
        /// serves none.
        script: Option<Bytes>,
    },
}

impl std::fmt::Debug for FileCheck {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FileCheck")
    }
}

/// Looks for the signature of a file, given its path and SHA-256 in hexadecimal.
type CheckSignature = dyn Fn(&Path, &str) -> Result<Signer, String> + Send + Sync;

/// Who must have signed a file: a refusal is a sentence.
#[derive(Clone)]
pub struct SignatureCheck {
    /// The name of the signature's file, beside the model's.
    pub file: &'static str,
    /// Finds the signer.
    pub check: Arc<CheckSignature>,
}

impl std::fmt::Debug for SignatureCheck {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SignatureCheck")
    }
}

/// Who signed a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// What the one who trusts the key calls it.
    pub name: String,
    /// The key's id, 64 lower-case hexadecimal digits.
    pub key: String,
}
