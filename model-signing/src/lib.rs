//! Signed models: who vouches for the folder of one version, and whether it is still the
//! folder that was signed.
//!
//! A signature is a file, [`SIGNATURE_FILE`], in the folder that it covers: an
//! [OpenSSF Model Signing](https://github.com/ossf/model-signing-spec) v1.0 bundle, which is a
//! Sigstore bundle (v0.3) around a DSSE envelope around an in-toto statement (v1). The method
//! is `key`: ECDSA on P-256 with SHA-256, no certificate, no log, no network. Other programs
//! for the format accept these bundles, and this crate accepts theirs.
//!
//! # Example
//!
//! ```
//! use model_signing::{Bundle, SIGNATURE_FILE, SigningKey, TrustedKeys, sign_folder};
//!
//! let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("model.wasm"), b"\0asm")?;
//!
//! let (pem, key) = SigningKey::generate()?;
//! assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
//! let bundle = sign_folder(folder.path(), &key)?;
//! std::fs::write(folder.path().join(SIGNATURE_FILE), &bundle)?;
//!
//! let trusted = TrustedKeys::one("risk", key.public().clone());
//! let signed = Bundle::parse(bundle.as_bytes())?.verify(&trusted)?;
//! assert_eq!(signed.signer().name, "risk");
//! signed.check_folder(folder.path())?;
//!
//! std::fs::write(folder.path().join("model.wasm"), b"\0ASM")?;
//! let error = signed.check_folder(folder.path()).unwrap_err();
//! assert!(error.to_string().starts_with("model.wasm was altered"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bundle;
mod digest;
mod error;
mod folder;
mod key;
mod key_file;
mod pem;
mod signed;
mod statement;
mod trusted;

pub use bundle::{Bundle, sign_folder};
pub use error::SigningError;
pub use folder::Left;
pub use key::{PublicKey, SigningKey};
pub use signed::{Signed, Signer};
pub use statement::Resource;
pub use trusted::TrustedKeys;

/// What the signature is called, in the folder that it covers.
pub const SIGNATURE_FILE: &str = "model.sig";

/// The longest bundle that is read: one names tens of thousands of files.
pub const LONGEST_BUNDLE: usize = 4 << 20;
