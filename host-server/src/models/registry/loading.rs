//! What models are loaded with.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model_files::hex;
use sha2::{Digest, Sha256};

use super::source::{FileCheck, SignatureCheck, Signer};
use crate::host::Limits;
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
}

/// More of a signature's file is not read to tell whether it changed.
const SIGNATURE: u64 = 4 << 20;

impl Loading {
    /// Where the signature of a model's file is, if models must be signed.
    pub(super) fn signature_path(&self, model: &Path) -> Option<PathBuf> {
        let signatures = self.signatures.as_ref()?;
        Some(model.with_file_name(signatures.file))
    }

    /// The digest of a model's signature; `None` when there is none, or none is needed.
    pub(super) fn signature(&self, model: &Path) -> Option<[u8; 32]> {
        let file = File::open(self.signature_path(model)?).ok()?;
        let mut bytes = Vec::new();
        file.take(SIGNATURE).read_to_end(&mut bytes).ok()?;
        Some(Sha256::digest(bytes).into())
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
