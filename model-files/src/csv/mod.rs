//! Reading a CSV file record by record, strictly.
//!
//! `csv-core` splits the fields (RFC 4180, LF or CRLF, a byte order mark is skipped); of records
//! without quotes `plain` finds the same ones faster. Added to that: every record is checked for its number of fields, for misplaced quotes and for UTF-8,
//! knows the line it starts on, and keeps its bytes as they are in the file.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read};

mod pieces;
mod plain;
mod records;

use records::Records;

pub(crate) use pieces::each_record;
pub use pieces::{Head, Piece, Pieces};
pub use records::quotes_are_sound;

/// Bytes that a record may have: otherwise an unclosed quote would swallow the file.
pub(crate) const MAX_RECORD: usize = 1 << 20;
const BUFFER: usize = 1 << 16;
/// Characters of a column's name that an error shows.
const SHOWN: usize = 64;

/// A problem in a CSV file: which file, where in it, what was expected and what came.
#[derive(Debug)]
pub struct CsvError {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1; `None` when it is about the whole file.
    pub line: Option<u64>,
    /// The column; `None` when it is about all of them.
    pub column: Option<String>,
    /// What is wrong.
    pub kind: CsvErrorKind,
}

/// What is wrong with a CSV file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvErrorKind {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// There is not even a header.
    #[error("the file is empty, expected a header line with the columns' names")]
    Empty,
    /// Bytes that are not UTF-8.
    #[error("the text is not UTF-8: save the file as UTF-8")]
    NotUtf8,
    /// A quote inside an unquoted field, after a closing one, or never closed.
    #[error(
        "a quote (\") is in the wrong place or never closed: quote the whole field and double the quotes inside"
    )]
    StrayQuote,
    /// A quoted field that the file ends in.
    #[error("a quote (\") is never closed: close it; the file may be truncated")]
    UnclosedQuote,
    /// A record of more than a mebibyte.
    #[error(
        "the record is longer than 1 MiB, the most that is read: shorten it, or close the quote (\") that it begins in"
    )]
    RecordTooLong,
    /// More or fewer fields than the header.
    #[error("expected {expected} fields as in the header, got {got}")]
    FieldCount {
        /// Columns of the header.
        expected: usize,
        /// Fields of the record.
        got: usize,
    },
    /// The header has the same name twice.
    #[error("the header names this column twice: rename one")]
    DuplicateColumn,
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column '{}'", shortened(column))?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for CsvError {}

/// The start of a text, at most 64 characters, as an error shows it.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What becomes of a quote inside an unquoted field, or after a closing one. A quote that is
/// never closed is always an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrayQuotes {
    /// It is an error.
    Refused,
    /// It is part of the text, as pandas reads it.
    Kept,
}

/// A CSV file with a header, read from the front.
pub struct Table<R> {
    name: String,
    header: Vec<String>,
    header_raw: Vec<u8>,
    records: Records<R>,
}

/// One record, valid until the next is read.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The line of the file that it starts on; the first is 1.
    pub line: u64,
    /// Its bytes as they are in the file, without the line ending.
    pub raw: &'a [u8],
    fields: &'a str,
    ends: &'a [usize],
    /// Bytes between two fields.
    gap: usize,
}

impl<'a> Row<'a> {
    /// The text of field `index`, unquoted; empty when there is no such field.
    #[must_use]
    pub fn field(&self, index: usize) -> &'a str {
        let Some(&end) = self.ends.get(index) else {
            return "";
        };
        let start = match index {
            0 => 0,
            _ => self.ends[index - 1] + self.gap,
        };
        self.fields.get(start..end).unwrap_or_default()
    }
}

impl<R: Read> Table<R> {
    /// Reads the header; stray quotes are refused. `name` is what errors call the file.
    ///
    /// # Errors
    /// When there is no header, or it names a column twice.
    pub fn open(source: R, name: &str) -> Result<Self, CsvError> {
        Self::open_with(source, name, StrayQuotes::Refused)
    }

    /// The same, with a choice of what stray quotes are.
    ///
    /// # Errors
    /// As [`Table::open`].
    pub fn open_with(source: R, name: &str, quotes: StrayQuotes) -> Result<Self, CsvError> {
        let mut table = Self {
            name: name.to_owned(),
            header: Vec::new(),
            header_raw: Vec::new(),
            records: Records::new(source, quotes),
        };
        let more = table.records.advance();
        if !more.map_err(|kind| table.error(None, None, kind))? {
            return Err(table.error(None, None, CsvErrorKind::Empty));
        }
        let row = table.records.row();
        let row = row.map_err(|(_, kind)| table.error(None, None, kind))?;
        let header: Vec<String> = (0..row.ends.len())
            .map(|index| row.field(index).trim().to_owned())
            .collect();
        let header_raw = row.raw.to_vec();
        let mut seen = BTreeSet::new();
        if let Some(twice) = header.iter().find(|column| !seen.insert(*column)) {
            return Err(table.error(Some(1), Some(twice), CsvErrorKind::DuplicateColumn));
        }
        (table.header, table.header_raw) = (header, header_raw);
        Ok(table)
    }

    /// What errors call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns' names, without the white space around them.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The header's bytes as they are in the file (with a byte order mark, if it has one),
    /// without the line ending.
    #[must_use]
    pub fn header_raw(&self) -> &[u8] {
        &self.header_raw
    }

    /// How lines end: as the header's.
    #[must_use]
    pub fn line_end(&self) -> &'static str {
        if self.records.carriage_returns {
            "\r\n"
        } else {
            "\n"
        }
    }

    /// Bytes read so far, for progress.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.records.bytes_read
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// Names the line: wrong number of fields, a stray quote, text that is not UTF-8, or
    /// the file cannot be read.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, CsvError> {
        let more = self.records.advance();
        let line = Some(self.records.line);
        if !more.map_err(|kind| self.error(line, None, kind))? {
            return Ok(None);
        }
        let row = self.records.row().map_err(|(field, kind)| {
            let column = field.and_then(|field| self.header.get(field));
            self.error(line, column, kind)
        })?;
        if row.ends.len() == self.header.len() {
            return Ok(Some(row));
        }
        let kind = CsvErrorKind::FieldCount {
            expected: self.header.len(),
            got: row.ends.len(),
        };
        Err(self.error(line, None, kind))
    }

    /// The source, for what was computed on the way.
    pub fn into_source(self) -> R {
        self.records.source.into_inner()
    }

    fn error(&self, line: Option<u64>, column: Option<&String>, kind: CsvErrorKind) -> CsvError {
        CsvError {
            file: self.name.clone(),
            line,
            column: column.cloned(),
            kind,
        }
    }
}
