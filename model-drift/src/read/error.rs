//! Why a batch cannot be read.

use std::fmt;
use std::io;

/// Names the file and the place in it.
#[derive(Debug, thiserror::Error)]
pub struct ReadError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; 0 when it is about the whole file.
    pub line: u64,
    /// The column; empty when it is about all.
    pub column: String,
    /// What is wrong.
    pub kind: ReadErrorKind,
}

/// What is wrong with a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The system's answer.
    Io(io::Error),
    /// Not a byte.
    Empty,
    /// A header alone.
    NoRows,
    /// A row of another length than the header.
    Fields {
        /// As the header says.
        expected: u64,
        /// As there are.
        found: u64,
    },
    /// Bytes that are no text.
    NotUtf8,
    /// A quote that is never closed.
    Quote,
    /// Two columns of one name.
    Twice,
    /// A column without a name.
    NoName,
    /// A word in a column that began with numbers.
    Word,
    /// Parquet that cannot be read.
    Parquet(String),
    /// What the caller said to a row.
    Other(String),
}

impl ReadError {
    pub(super) fn new(file: &str, kind: ReadErrorKind) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: String::new(),
            kind,
        }
    }

    pub(super) fn io(file: &str, error: io::Error) -> Self {
        Self::new(file, ReadErrorKind::Io(error))
    }

    pub(super) fn at(mut self, line: u64) -> Self {
        self.line = line;
        self
    }

    pub(super) fn in_column(mut self, column: &str) -> Self {
        column.clone_into(&mut self.column);
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ReadErrorKind::Io(error) = &self.kind {
            return write!(f, "cannot read {}: {error}", self.file);
        }
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        if !self.column.is_empty() {
            write!(f, ", column '{}'", self.column)?;
        }
        write!(f, ": ")?;
        match &self.kind {
            ReadErrorKind::Io(error) => write!(f, "{error}"),
            ReadErrorKind::Empty => write!(f, "the file is empty: expected a header and rows"),
            ReadErrorKind::NoRows => write!(f, "there are no rows: there is nothing to compare"),
            ReadErrorKind::Fields { expected, found } => {
                write!(
                    f,
                    "expected {expected} fields as in the header, got {found}: the file may be cut off"
                )
            }
            ReadErrorKind::NotUtf8 => write!(f, "the text is not UTF-8: save the file as UTF-8"),
            ReadErrorKind::Quote => {
                write!(f, "a quote (\") is never closed: the file may be cut off")
            }
            ReadErrorKind::Twice => write!(f, "two columns have this name: rename one"),
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
