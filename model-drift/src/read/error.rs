//! Why a batch cannot be read.

use std::fmt;
use std::io;

use model_files::csv::{CsvError, CsvErrorKind};
use model_files::parquet::{ParquetError, ParquetErrorKind};

/// Names the file and where in it the problem is.
#[derive(Debug, thiserror::Error)]
pub struct ReadError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; `None` when it is about the whole file.
    pub line: Option<u64>,
    /// The column; `None` when it is about all of them.
    pub column: Option<String>,
    /// What is wrong.
    pub kind: ReadErrorKind,
}

/// What is wrong with a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The file cannot be opened.
    Io(io::Error),
    /// The file is not sound CSV.
    Csv(CsvErrorKind),
    /// A header without rows.
    NoRows,
    /// A column without a name.
    NoName,
    /// A word in a column that began with numbers.
    Word,
    /// Parquet that cannot be read.
    Parquet(ParquetErrorKind),
    /// What the caller's `on_block` refused.
    Other(String),
}

impl ReadError {
    pub(super) fn new(file: &str, kind: ReadErrorKind) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
            kind,
        }
    }

    pub(super) fn io(file: &str, error: io::Error) -> Self {
        Self::new(file, ReadErrorKind::Io(error))
    }

    pub(super) fn at(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    pub(super) fn in_column(mut self, column: &str) -> Self {
        self.column = Some(column.to_owned());
        self
    }
}

impl From<CsvError> for ReadError {
    fn from(error: CsvError) -> Self {
        Self {
            file: error.file,
            line: error.line,
            column: error.column,
            kind: match error.kind {
                CsvErrorKind::Io(error) => ReadErrorKind::Io(error),
                other => ReadErrorKind::Csv(other),
            },
        }
    }
}

impl From<ParquetError> for ReadError {
    fn from(error: ParquetError) -> Self {
        Self {
            file: error.file,
            line: None,
            column: error.column,
            kind: match error.kind {
                ParquetErrorKind::Io(error) => ReadErrorKind::Io(error),
                other => ReadErrorKind::Parquet(other),
            },
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ReadErrorKind::Io(error) = &self.kind {
            return write!(f, "cannot read {}: {error}", self.file);
        }
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column '{column}'")?;
        }
        write!(f, ": ")?;
        match &self.kind {
            ReadErrorKind::Io(error) => write!(f, "{error}"),
            ReadErrorKind::Csv(problem) => write!(f, "{problem}"),
            ReadErrorKind::NoRows => write!(f, "there are no rows: there is nothing to compare"),
            ReadErrorKind::NoName => write!(
                f,
                "a column has no name: the first line must name every column"
            ),
            ReadErrorKind::Word => write!(f, "a word among numbers"),
            ReadErrorKind::Parquet(problem) => write!(f, "{problem}"),
            ReadErrorKind::Other(problem) => write!(f, "{problem}"),
        }
    }
}
