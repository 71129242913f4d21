//! Models that LightGBM, XGBoost and scikit-learn trained, imported with proof.
//!
//! A reader gives a [`Source`]: columns, trees or weights, in the arithmetic of
//! the library. Bound to a schema it becomes one of our own models, which has to answer the
//! caller's rows as the library did; only then there is an artifact.
//!
//! ```text
//! bytes ─ lightgbm, xgboost, sklearn ─ Source ─ bind ─ forest, linear ─ check ─ artifact
//!         one reader a format                   schema  our structures  rows
//! ```
//!
//! Nothing here opens a file or runs what a file says. The guide is
//! `docs/guides/import-a-model.md`, the contract `docs/reference/import.md`.

mod bind;
mod bits;
mod check;
mod draft;
mod error;
mod forest;
mod import;
pub mod lightgbm;
mod linear;
mod options;
mod outcome;
mod record;
mod rows;
mod sides;
pub mod sklearn;
pub mod source;
pub mod xgboost;

pub use check::{Check, Proof};
pub use draft::given;
pub use error::ImportError;
pub use import::{Imported, Job, import, model};
pub use options::{Link, Options, TreeRange};
pub use record::{Checked, Origin, Record};

use source::{Library, Source};

/// Largest file that is read: 512 MiB.
pub const MAX_FILE: u64 = 512 << 20;

/// Reads a model of a library.
///
/// # Errors
/// When the file is damaged, of another program, too large, or its model cannot be said
/// exactly.
pub fn read(library: Library, bytes: &[u8], options: &Options) -> Result<Source, ImportError> {
    check_size(bytes.len() as u64)?;
    options.check(library)?;
    match library {
        Library::LightGbm => lightgbm::read(bytes, options),
        Library::XgBoost => xgboost::read(bytes, options),
        Library::Sklearn => sklearn::read(bytes),
    }
}

/// Refuses a file that is larger than a model is, before it is read.
///
/// # Errors
/// When it is larger than [`MAX_FILE`].
pub fn check_size(bytes: u64) -> Result<(), ImportError> {
    if bytes <= MAX_FILE {
        return Ok(());
    }
    Err(error::broken(format!(
        "the file has {} MiB, at most {} MiB are read: expected a saved model, not data",
        bytes >> 20,
        MAX_FILE >> 20
    )))
}
