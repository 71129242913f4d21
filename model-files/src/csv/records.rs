//! Records one after the other, with their checks.

use std::io::{BufRead, BufReader, Read};
use std::ops::Range;

use csv_core::{ReadRecordResult, Reader};

use super::plain::{is_line_end, plain_record};
use super::{BUFFER, CsvErrorKind, MAX_RECORD, Row, StrayQuotes};

/// `csv-core` with its buffers.
pub(super) struct Records<R> {
    core: Reader,
    pub(super) source: BufReader<R>,
    quotes: StrayQuotes,
    /// The current record, where it is plain: in what `source` has buffered, of which it is
    /// consumed with the next one. It ends in one byte of a line ending.
    plain: Option<Range<usize>>,
    plain_ends: Vec<usize>,
    raw: Vec<u8>,
    fields: Vec<u8>,
    fields_len: usize,
    ends: Vec<usize>,
    ends_len: usize,
    /// The line the current record starts on.
    pub(super) line: u64,
    pub(super) newlines: u64,
    pub(super) bytes_read: u64,
    pub(super) carriage_returns: bool,
}

impl<R: Read> Records<R> {
    pub(super) fn new(source: R, quotes: StrayQuotes) -> Self {
        Self {
            core: Reader::new(),
            source: BufReader::with_capacity(BUFFER, source),
            quotes,
            plain: None,
            plain_ends: Vec::new(),
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

    /// Reads one record; `false` at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool, CsvErrorKind> {
        if let Some(plain) = self.plain.take() {
            self.source.consume(plain.end + 1);
        }
        // The first record is `csv-core`'s: it skips a byte order mark in what it reads first.
        // Between two records it is in one state, and need not see those that are plain.
        if self.bytes_read > 0 && self.find_plain()? {
            return Ok(true);
        }
        self.read_record()
    }

    /// Whether the next record is plain.
    fn find_plain(&mut self) -> Result<bool, CsvErrorKind> {
        let input = self.source.fill_buf().map_err(CsvErrorKind::Io)?;
        self.plain = plain_record(input, &mut self.plain_ends);
        let Some(plain) = &self.plain else {
            return Ok(false);
        };
        self.line = 1 + self.newlines + newlines(&input[..plain.start]);
        self.newlines = self.line - 1 + newlines(&input[plain.end..=plain.end]);
        self.carriage_returns |= input[plain.end] == b'\r';
        self.bytes_read += plain.end as u64 + 1;
        Ok(true)
    }

    /// Reads one record into the buffers; `false` at the end of the file.
    fn read_record(&mut self) -> Result<bool, CsvErrorKind> {
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
        let body = self.raw.iter().position(|b| !is_line_end(*b)).unwrap_or(0);
        self.line = 1 + self.newlines + newlines(&self.raw[..body]);
        self.newlines += newlines(&self.raw);
        self.carriage_returns |= self.raw.last() == Some(&b'\r');
    }

    /// The record that was read; on an error, the field where that is known.
    pub(super) fn row(&self) -> Result<Row<'_>, (Option<usize>, CsvErrorKind)> {
        match &self.plain {
            Some(plain) => self.plain_row(&self.source.buffer()[plain.clone()]),
            None => self.record_row(),
        }
    }

    fn plain_row<'a>(&'a self, raw: &'a [u8]) -> Result<Row<'a>, (Option<usize>, CsvErrorKind)> {
        let (ends, gap) = (self.plain_ends.as_slice(), 1);
        let fields = std::str::from_utf8(raw);
        let refused = |_| (first_not_utf8(raw, ends, gap), CsvErrorKind::NotUtf8);
        Ok(Row {
            line: self.line,
            raw,
            fields: fields.map_err(refused)?,
            ends,
            gap,
        })
    }

    /// The record in the buffers.
    fn record_row(&self) -> Result<Row<'_>, (Option<usize>, CsvErrorKind)> {
        let raw = trim_line_ends(&self.raw);
        if raw.contains(&b'"') {
            // The last line's end may be inside a quoted field: look at all of it.
            check_quotes(&self.raw, self.quotes).map_err(|kind| (None, kind))?;
        }
        let ends = &self.ends[..self.ends_len];
        let bytes = &self.fields[..self.fields_len];
        let refused = || (first_not_utf8(bytes, ends, 0), CsvErrorKind::NotUtf8);
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
            gap: 0,
        })
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn first_not_utf8(fields: &[u8], ends: &[usize], gap: usize) -> Option<usize> {
    let starts = std::iter::once(0).chain(ends.iter().map(|end| end + gap));
    let mut spans = starts.zip(ends.iter().copied());
    spans.position(|(start, end)| std::str::from_utf8(&fields[start..end]).is_err())
}

fn trim_line_ends(raw: &[u8]) -> &[u8] {
    let start = raw.iter().position(|b| !is_line_end(*b));
    let end = raw.iter().rposition(|b| !is_line_end(*b));
    match (start, end) {
        (Some(start), Some(end)) => &raw[start..=end],
        _ => &[],
    }
}

fn check_quotes(record: &[u8], quotes: StrayQuotes) -> Result<(), CsvErrorKind> {
    match quotes {
        StrayQuotes::Refused if !quotes_are_sound(record) => Err(CsvErrorKind::StrayQuote),
        StrayQuotes::Kept if ends_in_quotes(record) => Err(CsvErrorKind::UnclosedQuote),
        _ => Ok(()),
    }
}

/// Whether each field of a record is either free of quotes, or wholly within a pair of them with
/// those inside doubled. Line endings before the record and after it may be there.
#[must_use]
pub fn quotes_are_sound(record: &[u8]) -> bool {
    let record = trim_line_ends(record);
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
