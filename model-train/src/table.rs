//! Reading a CSV file record by record, strictly.
//!
//! Splitting is `csv-core`'s. What is added: every record is checked for its number of
//! fields, for quotes in the wrong place and for UTF-8, knows the line it began on, and
//! keeps its bytes as they were in the file.

use std::io::{BufRead, BufReader, Read};

use csv_core::{ReadRecordResult, Reader};

use crate::error::{DataError, DataErrorKind};

/// Bytes a record may have: an unclosed quote would else swallow the file.
const MAX_RECORD: usize = 1 << 20;
const BUFFER: usize = 1 << 16;

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
    /// The line of the file it begins on; the first is 1.
    pub line: u64,
    /// Its bytes as they are in the file, without the end of line.
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
    /// Reads the header. `name` is what errors call the file.
    ///
    /// # Errors
    /// When there is no header, or it names a column twice.
    pub fn open(source: R, name: &str) -> Result<Self, DataError> {
        let mut records = Records::new(source);
        let problem = |kind| DataError::in_file(name, kind);
        if !records.advance().map_err(problem)? {
            return Err(problem(DataErrorKind::Empty));
        }
        let row = records.row().map_err(problem)?;
        let header: Vec<String> = (0..row.ends.len())
            .map(|index| row.field(index).trim().to_owned())
            .collect();
        let header_raw = row.raw.to_vec();
        for (index, column) in header.iter().enumerate() {
            if header[..index].contains(column) {
                return Err(problem(DataErrorKind::DuplicateColumn)
                    .at_line(1)
                    .in_column(column));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            header,
            header_raw,
            records,
        })
    }

    /// What errors call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns' names, without white space around.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The header's bytes as they are in the file (with a byte order mark, if it has one),
    /// without the end of line.
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
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, DataError> {
        let more = self.records.advance();
        let line = self.records.line;
        let problem = |kind| DataError::in_file(&self.name, kind).at_line(line);
        if !more.map_err(problem)? {
            return Ok(None);
        }
        let row = self.records.row().map_err(problem)?;
        if row.ends.len() == self.header.len() {
            return Ok(Some(row));
        }
        Err(problem(DataErrorKind::FieldCount {
            expected: self.header.len(),
            got: row.ends.len(),
        }))
    }

    /// The source, for what was computed on the way.
    pub fn into_source(self) -> R {
        self.records.source.into_inner()
    }
}

/// `csv-core` with its buffers.
struct Records<R> {
    core: Reader,
    source: BufReader<R>,
    raw: Vec<u8>,
    fields: Vec<u8>,
    fields_len: usize,
    ends: Vec<usize>,
    ends_len: usize,
    /// The line the current record begins on.
    line: u64,
    newlines: u64,
    bytes_read: u64,
    carriage_returns: bool,
}

impl<R: Read> Records<R> {
    fn new(source: R) -> Self {
        Self {
            core: Reader::new(),
            source: BufReader::with_capacity(BUFFER, source),
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
    fn advance(&mut self) -> Result<bool, DataErrorKind> {
        self.raw.clear();
        (self.fields_len, self.ends_len) = (0, 0);
        loop {
            let input = self.source.fill_buf().map_err(DataErrorKind::Io)?;
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
                return Err(DataErrorKind::RecordTooLong);
            }
        }
        self.count_lines();
        Ok(true)
    }

    /// A `\n` that belongs to a `\r\n` comes at the front of the next record.
    fn count_lines(&mut self) {
        let newlines = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\n').count() as u64;
        let body = self.raw.iter().position(|b| !is_line_end(*b)).unwrap_or(0);
        self.line = 1 + self.newlines + newlines(&self.raw[..body]);
        self.newlines += newlines(&self.raw);
        self.carriage_returns |= self.raw.last() == Some(&b'\r');
    }

    fn row(&self) -> Result<Row<'_>, DataErrorKind> {
        let raw = trim_line_ends(&self.raw);
        if raw.contains(&b'"') && !quotes_are_sound(raw) {
            return Err(DataErrorKind::StrayQuote);
        }
        let fields = std::str::from_utf8(&self.fields[..self.fields_len])
            .map_err(|_| DataErrorKind::NotUtf8)?;
        let ends = &self.ends[..self.ends_len];
        // Two halves of a character in neighbouring fields would pass as a whole one.
        if !ends.iter().all(|end| fields.is_char_boundary(*end)) {
            return Err(DataErrorKind::NotUtf8);
        }
        Ok(Row {
            line: self.line,
            raw,
            fields,
            ends,
        })
    }
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
