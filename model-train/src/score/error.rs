//! Why rows could not be scored.

use std::io;

use model_files::parquet::ParquetError;

use crate::error::DataError;

/// Why rows could not be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// A row cannot be read, or a column is missing.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The file has a column that scoring would add.
    #[error("{file}: the file already has a column '{column}': rename or remove it")]
    ColumnExists {
        /// What errors call the file.
        file: String,
        /// The column.
        column: &'static str,
    },
    /// The schema does not know a column.
    #[error(
        "{file}, line 1, column '{column}': the schema does not know this column; {}opy it as it is with --pass-through, list it in the schema (role = \"ignored\"), or remove it",
        .nearest.as_ref().map_or_else(|| "c".to_owned(), |name| format!("did you mean '{name}'? C"))
    )]
    ColumnUnknown {
        /// What errors call the file.
        file: String,
        /// The column.
        column: String,
        /// The feature with the most similar name.
        nearest: Option<String>,
    },
    /// An input has no column.
    #[error(
        "{file}, column '{column}': the column is missing, and every row would get an imputed value; add it, or pass --allow-missing-columns"
    )]
    ColumnMissing {
        /// What errors call the file.
        file: String,
        /// The column.
        column: String,
    },
    /// The model refuses the row as a whole.
    #[error("{file}, line {line}: {message}")]
    Refused {
        /// What errors call the file.
        file: String,
        /// The line; the first is 1.
        line: u64,
        /// What an answer says: the field, and what is wrong.
        message: String,
    },
    /// More values would have to be filled in than the schema allows.
    #[error(
        "{file}, line {line}: more than {most} values are missing, unknown or out of range, at most {most} may be filled in (max_adjustments)"
    )]
    TooManyAdjustments {
        /// What errors call the file.
        file: String,
        /// The line; the first is 1.
        line: u64,
        /// How many may be filled in.
        most: u32,
    },
    /// The model cannot score a block of rows.
    #[error("the model cannot score these rows: {0}")]
    Model(String),
    /// A Parquet file cannot be read or written.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// The scored rows cannot be written.
    #[error("cannot write the output")]
    Write(#[from] io::Error),
}
