//! Signatures beside models, as the commands look for them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use host_server::{SignatureCheck, Signer};
use model_files::{read_small, sha256_hex};
use model_hub::MODEL_FILE;
use model_signing::{Bundle, LONGEST_BUNDLE, SIGNATURE_FILE, Signed, SigningError, TrustedKeys};

use crate::terminal;

/// The check of `serve --trusted-keys`. The keys are read at each check, so that they can be
/// exchanged without a restart. Of a model from the Hub only its own file is there: the rest of
/// what was signed is not looked at.
pub(crate) fn check(folder: Option<PathBuf>, file_alone: bool) -> Result<Option<SignatureCheck>> {
    let Some(folder) = folder else {
        return Ok(None);
    };
    let setting = || format!("trusted-keys is {}", folder.display());
    TrustedKeys::from_folder(&folder).with_context(setting)?;
    let check = move |path: &Path, sha256: &str| {
        let signer = signer(path, sha256, &folder, file_alone);
        signer.map_err(|error| format!("{error:#}"))
    };
    Ok(Some(SignatureCheck {
        file: SIGNATURE_FILE,
        check: Arc::new(check),
    }))
}

fn signer(path: &Path, sha256: &str, keys: &Path, file_alone: bool) -> Result<Signer> {
    let trusted = TrustedKeys::from_folder(keys).context("trusted-keys")?;
    let signed = signed(path, &trusted)?;
    let found = match file_alone {
        true => signed.check_file(MODEL_FILE, sha256),
        false => check_folder(path, sha256, &signed),
    };
    found.context("the signature does not hold")?;
    let signer = signed.signer();
    Ok(Signer {
        name: signer.name.clone(),
        key: signer.key.clone(),
    })
}

/// Checks the folder that a model's file lies in; the file itself by the digest of the bytes
/// that were read, whatever is there a moment later.
pub(crate) fn check_folder(path: &Path, sha256: &str, signed: &Signed) -> Result<(), SigningError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    signed.check_file(&name, sha256)?;
    signed.check_folder(folder_of(path))
}

/// The signature beside a model's file, checked against the keys.
pub(crate) fn signed(model: &Path, trusted: &TrustedKeys) -> Result<Signed> {
    let path = model.with_file_name(SIGNATURE_FILE);
    let bytes = read_bundle(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow!(
            "it is not signed: there is no {SIGNATURE_FILE} beside it; sign its folder with `underwrite sign`"
        ),
        _ => anyhow!("cannot read {}: {error}", path.display()),
    })?;
    let name = || path.display().to_string();
    let bundle = Bundle::parse(&bytes).with_context(name)?;
    bundle.verify(trusted).with_context(name)
}

/// Whatever somebody put there: a server that looks at it neither waits nor runs out of memory.
fn read_bundle(path: &Path) -> io::Result<Vec<u8>> {
    read_small(path, LONGEST_BUNDLE as u64)
}

/// Says so where the signature beside a file that was written is not of it.
pub(crate) fn warn_if_outdated(model: &Path, wasm: &[u8]) -> Result<()> {
    let outdated = |bundle: Bundle| is_outdated(&bundle, model, &sha256_hex(wasm));
    if beside(model).is_some_and(outdated) {
        let path = model.with_file_name(SIGNATURE_FILE);
        writeln!(
            terminal::stderr(),
            "warning: the signature {} no longer holds: sign the folder again",
            path.display()
        )?;
    }
    Ok(())
}

/// The signature beside a model's file, whoever made it; `None` where there is none or it
/// cannot be read.
pub(crate) fn beside(model: &Path) -> Option<Bundle> {
    beside_with_digest(model).map(|(bundle, _)| bundle)
}

/// The same, and the SHA-256 of its file.
pub(crate) fn beside_with_digest(model: &Path) -> Option<(Bundle, String)> {
    let bytes = read_bundle(&model.with_file_name(SIGNATURE_FILE)).ok()?;
    Some((Bundle::parse(&bytes).ok()?, sha256_hex(&bytes)))
}

/// Whether a bundle names this model's file with another content than this SHA-256.
pub(crate) fn is_outdated(bundle: &Bundle, model: &Path, sha256: &str) -> bool {
    let name = model.file_name().unwrap_or_default().to_string_lossy();
    let mut resources = bundle.resources().iter();
    !resources.any(|one| one.name == name && one.digest == sha256)
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
