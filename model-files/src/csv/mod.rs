//! Reading a CSV file record by record, strictly.
//!
//! `csv-core` splits the fields (RFC 4180, LF or CRLF, a byte order mark is skipped). Added to
//! that: every record is checked for its number of fields, for misplaced quotes and for UTF-8,
//! knows the line it starts on, and keeps its bytes as they are in the file.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use csv_core::{ReadRecordResult, Reader};

mod pieces;

pub(crate) use pieces::each_record;
pub use pieces::{Head, Piece, Pieces};

/// Bytes that a record may have: otherwise an unclosed quote would swallow the file.
const MAX_RECORD: usize = 1 << 20;
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
}

impl<'a> Row<'a> {
    /// The text of field `index`, unquoted; empty when there is no such field.
    #[must_use]
    pub fn field(&self, index: usize) -> &'a str {
        let start = match index {
            0 => 0,
            _ => self.ends.get(index - 1).copied().unwrap_or(usize::MAX),
        };
        let end = self.ends.get(index).copied().unwrap_or(0);
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

/// `csv-core` with its buffers.
struct Records<R> {
    core: Reader,
    source: BufReader<R>,
    quotes: StrayQuotes,
    raw: Vec<u8>,
    fields: Vec<u8>,
    fields_len: usize,
    ends: Vec<usize>,
    ends_len: usize,
    /// The line the current record starts on.
    line: u64,
    newlines: u64,
    bytes_read: u64,
    carriage_returns: bool,
}

impl<R: Read> Records<R> {
    fn new(source: R, quotes: StrayQuotes) -> Self {
        Self {
            core: Reader::new(),
            source: BufReader::with_capacity(BUFFER, source),
            quotes,
            raw: Vec::with_capacity(1024),
            fields: vec![0; 1024],
            fields_len: 0,
            ends: vec![0; 64],
            ends_len: 0,
            line: 1,
            newlines: 0,
            bytes_read: 0,
            carriage_returns: false,
        }
    }

    /// Reads one record into the buffers; `false` at the end of the file.
    fn advance(&mut self) -> Result<bool, CsvErrorKind> {
        self.raw.clear();
        (self.fields_len, self.ends_len) = (0, 0);
        loop {
            let input = self.source.fill_buf().map_err(CsvErrorKind::Io)?;
            let (result, read, written, ended) = self.core.read_record(
                input,
                &mut self.fields[self.fields_len..],
                &mut self.ends[self.ends_len..],
            );
            self.raw.extend_from_slice(&input[..read]);
            self.source.consume(read);
            self.bytes_read += read as u64;
            self.fields_len += written;
            self.ends_len += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.fields.resize(2 * self.fields.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(false),
            }
            if self.raw.len() > MAX_RECORD {
                self.count_lines();
                return Err(CsvErrorKind::RecordTooLong);
            }
        }
        self.count_lines();
        Ok(true)
    }

    /// `csv-core` leaves the `\n` of a `\r\n` at the front of the next record, so the line
    /// endings before the first other byte still belong to the lines before.
    fn count_lines(&mut self) {
        let newlines = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\n').count() as u64;
        let body = self.raw.iter().position(|b| !is_line_end(*b)).unwrap_or(0);
        self.line = 1 + self.newlines + newlines(&self.raw[..body]);
        self.newlines += newlines(&self.raw);
        self.carriage_returns |= self.raw.last() == Some(&b'\r');
    }

    /// The record in the buffers; on an error, the field where that is known.
    fn row(&self) -> Result<Row<'_>, (Option<usize>, CsvErrorKind)> {
        let raw = trim_line_ends(&self.raw);
        if raw.contains(&b'"') {
            // The last line's end may be inside a quoted field: look at all of it.
            check_quotes(&self.raw, raw, self.quotes).map_err(|kind| (None, kind))?;
        }
        let ends = &self.ends[..self.ends_len];
        let bytes = &self.fields[..self.fields_len];
        let refused = || (first_not_utf8(bytes, ends), CsvErrorKind::NotUtf8);
        let fields = std::str::from_utf8(bytes).map_err(|_| refused())?;
        // Two halves of a character in neighbouring fields would pass as a whole one.
        if !ends.iter().all(|end| fields.is_char_boundary(*end)) {
            return Err(refused());
        }
        Ok(Row {
            line: self.line,
            raw,
            fields,
            ends,
        })
    }
}

fn first_not_utf8(fields: &[u8], ends: &[usize]) -> Option<usize> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let mut spans = starts.zip(ends.iter().copied());
    spans.position(|(start, end)| std::str::from_utf8(&fields[start..end]).is_err())
}

fn is_line_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

fn trim_line_ends(raw: &[u8]) -> &[u8] {
    let start = raw.iter().position(|b| !is_line_end(*b));
    let end = raw.iter().rposition(|b| !is_line_end(*b));
    match (start, end) {
        (Some(start), Some(end)) => &raw[start..=end],
        _ => &[],
    }
}

/// `whole` is the record with its line endings, `trimmed` without them.
fn check_quotes(whole: &[u8], trimmed: &[u8], quotes: StrayQuotes) -> Result<(), CsvErrorKind> {
    match quotes {
        StrayQuotes::Refused if !quotes_are_sound(trimmed) => Err(CsvErrorKind::StrayQuote),
        StrayQuotes::Kept if ends_in_quotes(whole) => Err(CsvErrorKind::UnclosedQuote),
        _ => Ok(()),
    }
}

/// Whether each field is either free of quotes, or wholly within a pair of them with
/// those inside doubled.
fn quotes_are_sound(record: &[u8]) -> bool {
    let mut rest = record.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(record);
    loop {
        let Some(quoted) = rest.strip_prefix(b"\"") else {
            let end = rest.iter().position(|b| *b == b',').unwrap_or(rest.len());
            if rest[..end].contains(&b'"') {
                return false;
            }
            match rest.get(end + 1..) {
                Some(next) => rest = next,
                None => return true,
            }
            continue;
        };
        match after_quoted(quoted) {
            Some([]) => return true,
            Some([b',', next @ ..]) => rest = next,
            _ => return false,
        }
    }
}

/// Whether the record ends within a quoted field: then the file ended before the quote did.
fn ends_in_quotes(record: &[u8]) -> bool {
    let start = record.iter().position(|b| !is_line_end(*b)).unwrap_or(0);
    let record = &record[start..];
    let mut rest = record.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(record);
    loop {
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            match after_quoted(quoted) {
                // What follows the closing quote, up to the next comma, is text.
                Some(next) => rest = next,
                None => return true,
            }
        }
        match rest.iter().position(|b| *b == b',') {
            Some(comma) => rest = &rest[comma + 1..],
            None => return false,
        }
    }
}

/// What follows the closing quote; `None` when there is none.
fn after_quoted(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let quote = rest.iter().position(|b| *b == b'"')?;
        rest = &rest[quote + 1..];
        match rest.strip_prefix(b"\"") {
            Some(next) => rest = next,
            None => return Some(rest),
        }
    }
}
