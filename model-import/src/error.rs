//! Why a model was not imported.

use model_core::artifact::ArtifactError;
use model_train::error::DataError;
use model_train::train::TrainError;

/// Why a model was not imported. Each is a sentence that names the thing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file is truncated, of another program, or contradicts itself.
    #[error("{0}")]
    File(String),
    /// A sound file of a model that cannot be said exactly.
    #[error("{0}")]
    Unsupported(String),
    /// Model and schema do not fit together.
    #[error("{0}")]
    Schema(String),
    /// The check rows cannot be read.
    #[error(transparent)]
    Rows(#[from] DataError),
    /// The check rows cannot prove anything.
    #[error("{0}")]
    Check(String),
    /// The imported model answers otherwise than the library did.
    #[error("{0}")]
    Differs(String),
    /// The artifact cannot be made of model and check rows.
    #[error(transparent)]
    Artifact(#[from] TrainError),
}

impl From<ArtifactError> for ImportError {
    fn from(error: ArtifactError) -> Self {
        Self::Artifact(error.into())
    }
}

/// The file is not what it should be.
pub(crate) fn broken(message: impl Into<String>) -> ImportError {
    ImportError::File(message.into())
}

/// The model cannot be said exactly.
pub(crate) fn unsupported(message: impl Into<String>) -> ImportError {
    ImportError::Unsupported(message.into())
}

/// Model and schema do not fit.
pub(crate) fn mismatch(message: impl Into<String>) -> ImportError {
    ImportError::Schema(message.into())
}

/// The first of many names, as an error lists them.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let mut names = names.into_iter();
    let shown: Vec<String> = names
        .by_ref()
        .take(MOST)
        .map(|name| format!("'{}'", short(name)))
        .collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A name of a file as an error shows it: at most 64 characters, on one line.
pub(crate) fn short(name: &str) -> String {
    let plain: String = name
        .chars()
        .take(64)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match name.chars().nth(64) {
        Some(_) => format!("{plain}…"),
        None => plain,
    }
}
