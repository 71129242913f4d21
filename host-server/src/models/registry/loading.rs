//! What models are loaded with.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use model_files::{hex, read_small};
use sha2::{Digest, Sha256};

use super::source::{Checked, FileCheck, SignatureCheck, Signer};
use super::verify;
use crate::host::{Limits, LoadError, LoadErrorKind, ModelHost};
use crate::models::drift::Drift;
use crate::models::metrics::ModelMetricsSet;

/// What models are loaded with.
pub(crate) struct Loading {
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<ModelMetricsSet>,
    pub(crate) drift: Drift,
    /// Whether a model may have another name or version than its folder, or other inputs than
    /// the one that it replaces.
    pub(crate) allow_mismatch: bool,
    /// How many of a model's versions are loaded at once.
    pub(crate) loaded_versions: NonZeroUsize,
    /// What else a file must pass.
    pub(crate) check: Option<FileCheck>,
    /// Who must have signed a file.
    pub(crate) signatures: Option<SignatureCheck>,
    /// Hears of every model that was loaded, before it answers.
    pub(crate) on_load: Option<OnLoad>,
    /// Hears of every file that was refused at a reload.
    pub(crate) on_refuse: Option<OnRefuse>,
}

/// A sentence refuses the model.
type Hear = dyn Fn(&Loaded<'_>) -> Result<(), String> + Send + Sync;

/// Is told of a model that was loaded. May block.
pub(crate) struct OnLoad(pub(crate) Box<Hear>);

/// Is told of a file that was refused. May block.
pub(crate) struct OnRefuse(pub(crate) Box<dyn Fn(&Refused<'_>) + Send + Sync>);

/// A file that was refused.
pub(crate) struct Refused<'a> {
    /// The model whose place it would have taken.
    pub(crate) name: &'a str,
    /// The version that its folder names; empty for a file alone.
    pub(crate) version: &'a str,
    pub(crate) path: &'a Path,
    /// Of the whole file.
    pub(crate) file_sha256: &'a [u8; 32],
    /// A sentence.
    pub(crate) because: &'a str,
}

/// A model that was loaded.
pub(crate) struct Loaded<'a> {
    pub(crate) host: &'a ModelHost,
    /// Its name and version in routes.
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// Of the whole file.
    pub(crate) file_sha256: &'a [u8; 32],
    /// Who signed it, where somebody must have.
    pub(crate) signer: Option<&'a Signer>,
}

/// The longest file of a signature, in bytes.
const SIGNATURE: u64 = 4 << 20;

impl Loading {
    /// The name of the signature beside a model's file, if models must be signed.
    pub(super) fn signature_file(&self) -> Option<&'static str> {
        self.signatures.as_ref().map(|signatures| signatures.file)
    }

    /// The digest of a model's signature; `None` when there is none, or none is needed.
    pub(super) fn signature(&self, model: &Path) -> Option<[u8; 32]> {
        let file = model.with_file_name(self.signature_file()?);
        let bytes = read_small(&file, SIGNATURE).ok()?;
        Some(Sha256::digest(bytes).into())
    }

    pub(super) fn tell_refused(&self, refused: &Refused<'_>) {
        if let Some(OnRefuse(told)) = &self.on_refuse {
            told(refused);
        }
    }

    /// What the check of files says of these bytes.
    ///
    /// # Errors
    /// When it refuses them.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<Checked, LoadError> {
        match &self.check {
            Some(FileCheck(check)) => Ok(check(bytes).map_err(LoadErrorKind::Mismatch)?),
            None => Ok(Checked::Good),
        }
    }

    /// Compiles these bytes with the limits for a file of their length.
    ///
    /// # Errors
    /// As [`ModelHost::load`].
    pub(super) fn compile(&self, bytes: Bytes) -> Result<ModelHost, LoadError> {
        let limits = self.limits.for_file(bytes.len());
        ModelHost::load(bytes, limits)
    }

    /// Checks and compiles a file that was served before, and serves nobody now.
    ///
    /// # Errors
    /// When it is refused by what holds for files now, but for signatures: those are of files in
    /// the places that models are served from.
    pub(super) fn reopen(&self, bytes: Bytes) -> Result<ModelHost, LoadError> {
        // A doubt was told when it was served.
        self.check(&bytes)?;
        let host = self.compile(bytes)?;
        verify::golden_rows(&host)?;
        Ok(host)
    }

    /// Who signed the file at this path, of this SHA-256; `None` when nobody has to.
    ///
    /// # Errors
    /// A sentence, when nobody who is trusted did.
    pub(super) fn signer(&self, model: &Path, sha256: &[u8; 32]) -> Result<Option<Signer>, String> {
        let check = |signatures: &SignatureCheck| (signatures.check)(model, &hex(sha256));
        self.signatures.as_ref().map(check).transpose()
    }
}
