//! Why a Parquet file cannot be read.

use std::fmt;
use std::io;

use parquet::errors::ParquetError as LibraryError;

use super::budget::TooMuchMemory;
use crate::csv::CsvErrorKind;

/// Names the file and the column, and says what to do.
#[derive(Debug)]
pub struct ParquetError {
    /// The file, as the caller named it.
    pub file: String,
    /// The column; `None` when it is about all of them.
    pub column: Option<String>,
    /// What is wrong.
    pub kind: ParquetErrorKind,
}

/// What is wrong with a Parquet file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParquetErrorKind {
    /// The file cannot be opened.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// Two columns with one name.
    #[error("two columns have this name: rename one")]
    Twice,
    /// A column with more than one value a row.
    #[error("nested and repeated columns cannot be read: write one value a row")]
    Nested,
    /// More columns than are read.
    #[error("the file has more than 10,000 columns, the most that are read: select those you need")]
    TooManyColumns,
    /// A footer of more than 64 MiB.
    #[error(
        "the file's footer is longer than 64 MiB, the most that is read: write fewer or larger row groups"
    )]
    LongFooter,
    /// A row with more than a mebibyte of text.
    #[error("the record is longer than 1 MiB, the most that is read: shorten it")]
    RecordTooLong,
    /// The pages of a row group would take more memory than the file may.
    #[error(
        "the pages of the columns take more than 768 MiB of memory together, and more than 32 times the size of the file: write smaller pages (`data_page_size=65536` in Polars and pyarrow), or select fewer columns"
    )]
    TooMuchMemory,
    /// A column of another type.
    #[error("the Parquet type {0} cannot be read: write numbers or texts")]
    Type(String),
    /// The file is not sound.
    #[error("the Parquet file cannot be read ({0}): the file may be truncated or damaged")]
    Damaged(String),
    /// A file cannot be written.
    #[error("cannot be written: {0}")]
    Write(String),
    /// What is to be written as Parquet is no CSV.
    #[error(transparent)]
    Csv(CsvErrorKind),
}

impl ParquetError {
    pub(super) fn new(file: &str, kind: ParquetErrorKind) -> Self {
        Self {
            file: file.to_owned(),
            column: None,
            kind,
        }
    }

    pub(super) fn of_csv(error: CsvErrorKind) -> Self {
        Self::new("the rows to write", ParquetErrorKind::Csv(error))
    }

    pub(super) fn in_column(mut self, column: &str) -> Self {
        self.column = Some(column.to_owned());
        self
    }
}

/// More text than is read of a row, on its way through the library.
#[derive(Debug, thiserror::Error)]
#[error("the record is longer than 1 MiB")]
pub(super) struct LongRecord;

impl From<LongRecord> for LibraryError {
    fn from(long: LongRecord) -> Self {
        Self::External(Box::new(long))
    }
}

impl ParquetErrorKind {
    pub(super) fn of_library(error: LibraryError) -> Self {
        match error {
            LibraryError::External(error) if error.is::<LongRecord>() => Self::RecordTooLong,
            LibraryError::External(error) if error.is::<TooMuchMemory>() => Self::TooMuchMemory,
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl fmt::Display for ParquetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(column) = &self.column {
            write!(f, ", column '{column}'")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for ParquetError {}
