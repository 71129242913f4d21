//! Why files cannot be compared.

use std::io;
use std::path::{Path, PathBuf};

use model_core::artifact::ArtifactError;
use model_core::model_file::ModelFileError;

use crate::compare::CompareError;
use crate::read::ReadError;
use crate::sketch::SketchError;

/// Why files cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A file cannot be opened or read.
    #[error("cannot read {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Rows that cannot be read.
    #[error(transparent)]
    Rows(#[from] ReadError),
    /// A damaged sketch, or one of other columns than those before it.
    #[error("{}: {cause}", path.display())]
    Sketch {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: SketchError,
    },
    /// A file that begins as a WebAssembly module and is not a model.
    #[error("{}: {cause}", path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: ModelFileError,
    },
    /// A model whose artifact cannot be used.
    #[error("{}: {cause}", path.display())]
    Artifact {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: ArtifactError,
    },
    /// Something else where a model was expected.
    #[error("{}: expected a model.wasm as the model", path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
    },
    /// A model without a sketch of its training rows as the reference.
    #[error(
        "{}: the model carries no sketch of its training rows: train it again with this version of underwrite, or name its training data as the reference",
        path.display()
    )]
    NoSketch {
        /// The file.
        path: PathBuf,
    },
    /// A model as the reference of the evidently preset.
    #[error(
        "the evidently preset compares rows, and {} carries a sketch of its training rows: name the CSV or Parquet file, or use the default preset",
        path.display()
    )]
    SketchForEvidently {
        /// The file.
        path: PathBuf,
    },
    /// A self-check of a file without rows.
    #[error("{}: a self-check samples rows, and this file has none", path.display())]
    NoRowsToSample {
        /// The file.
        path: PathBuf,
    },
    /// A model as the current batch.
    #[error("{}: a model is not a batch: name data as the current batch", path.display())]
    ModelAsBatch {
        /// The file.
        path: PathBuf,
    },
    /// Data without a column of the schema, where every one is needed.
    #[error("{}, column '{column}': the column is missing, the schema has it", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The schema's column.
        column: String,
    },
    /// A row with a label whose weight is none.
    #[error("{}, column '{column}': expected a weight, a number from 1e-15 to 1e15, got '{got}'", path.display())]
    Weight {
        /// The file.
        path: PathBuf,
        /// The column of weights.
        column: String,
        /// The cell of the first such row.
        got: String,
    },
    /// Answers of the same model that do not add up.
    #[error("the model's answers cannot be counted together: {0}")]
    Answers(SketchError),
    /// The batches cannot be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
}

impl InputError {
    pub(super) fn sketch(path: &Path) -> impl FnOnce(SketchError) -> Self {
        let path = path.to_owned();
        move |cause| Self::Sketch { path, cause }
    }

    pub(super) fn artifact(path: &Path) -> impl FnOnce(ArtifactError) -> Self {
        let path = path.to_owned();
        move |cause| Self::Artifact { path, cause }
    }
}
