//! Comma-separated values, record by record, in memory that does not grow with the file.

use axum::body::Bytes;
use csv_core::{ReadRecordResult, Reader};
use memchr::memchr;
use model_files::csv::{CsvErrorKind, quotes_are_sound};

use super::chunk::LONGEST_ROW;

/// A CSV file that is being read.
pub(super) struct Csv {
    body: Bytes,
    read: usize,
    reader: Reader,
    /// The current record's cells, one after the other, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
    fields: usize,
    most_fields: usize,
    /// The line that the current record began on, from 1.
    line: u64,
}

/// Enough for most records; it grows with those that are longer.
const USUAL_RECORD: usize = 1 << 10;

impl Csv {
    /// From the beginning. A record with more than `most_fields` cells is an error.
    pub(super) fn new(body: Bytes, most_fields: usize) -> Self {
        Self {
            body,
            read: 0,
            reader: Reader::new(),
            text: vec![0; USUAL_RECORD],
            ends: vec![0; 16],
            fields: 0,
            most_fields,
            line: 1,
        }
    }

    /// Reads the next record; false at the end.
    ///
    /// # Errors
    /// A sentence with the line: too many cells, too long, a quote in the wrong place, or not UTF-8.
    pub(super) fn next(&mut self) -> Result<bool, String> {
        let (mut written, mut ended) = (0, 0);
        let begin = self.read;
        // The end of the line before, in part, and empty lines come with the record after them.
        let rest = self.body.get(begin..).unwrap_or_default();
        let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        self.line = self.reader.line() + ends.filter(|byte| **byte == b'\n').count() as u64;
        loop {
            let input = self.body.get(self.read..).unwrap_or_default();
            let (result, read, wrote, ends) =
                self.reader
                    .read_record(input, &mut self.text[written..], &mut self.ends[ended..]);
            self.read += read;
            written += wrote;
            ended += ends;
            match result {
                // With no input left, this is said once; then comes the last record.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if written > LONGEST_ROW => {
                    return Err(self.wrong("the row is over 1 MiB"));
                }
                ReadRecordResult::OutputFull => {
                    let longer = (self.text.len() * 2).min(LONGEST_ROW + 1);
                    self.text.resize(longer.max(written + 1), 0);
                }
                ReadRecordResult::OutputEndsFull | ReadRecordResult::Record
                    if ended > self.most_fields =>
                {
                    let most = self.most_fields;
                    return Err(self.wrong(&format!("the row has more than {most} cells")));
                }
                ReadRecordResult::OutputEndsFull => {
                    let more = (self.ends.len() * 2).min(self.most_fields + 1);
                    self.ends.resize(more.max(ended + 1), 0);
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(false),
            }
        }
        self.fields = ended;
        let raw = &self.body[begin..self.read];
        if memchr(b'"', raw).is_some() && !quotes_are_sound(raw) {
            return Err(self.wrong(&CsvErrorKind::StrayQuote.to_string()));
        }
        match std::str::from_utf8(&self.text[..written]) {
            Ok(_) => Ok(true),
            Err(_) => Err(self.wrong("the text is not UTF-8")),
        }
    }

    /// How many cells the record has.
    pub(super) fn fields(&self) -> usize {
        self.fields
    }

    /// The record's cells.
    pub(super) fn cells(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends[..self.fields].iter().map(move |&end| {
            let cell = self.text.get(start..end).unwrap_or_default();
            start = end;
            std::str::from_utf8(cell).unwrap_or_default()
        })
    }

    /// A sentence about the current record.
    pub(super) fn wrong(&self, what: &str) -> String {
        format!("line {}: {what}", self.line)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn read(text: &str) -> Result<Vec<Vec<String>>, String> {
        let mut csv = Csv::new(Bytes::copy_from_slice(text.as_bytes()), 20);
        let mut records = Vec::new();
        while csv.next()? {
            records.push(csv.cells().map(str::to_owned).collect());
        }
        Ok(records)
    }

    #[test]
    fn cells_are_what_they_were_written_as() {
        let text = "a,b\n1,\"x, \"\"y\"\"\nz\"\n\n,\u{fc}";
        let expected = [["a", "b"], ["1", "x, \"y\"\nz"], ["", "\u{fc}"]];
        assert_eq!(read(text).unwrap(), expected);
        let wide: Vec<String> = (0..20).map(|cell| cell.to_string()).collect();
        assert_eq!(read(&wide.join(",")).unwrap(), [wide]);
        assert!(read("").unwrap().is_empty());
    }

    /// A quote that is never closed once swallowed the rows that follow.
    #[test]
    fn quotes_are_where_they_belong() {
        for (text, line) in [
            ("a,b\n1,2\n3,\"x\n4,y\n", 3),
            ("a,b\n1,\"50\"000\n", 2),
            ("a,b\n\n1,5\" pipe\n", 3),
            ("\"a,b\n1,2\n", 1),
            ("a,b\r\n1,\"\"\"\r\n", 2),
        ] {
            let error = read(text).unwrap_err();
            assert!(
                error.starts_with(&format!("line {line}: a quote (\")")),
                "{error}"
            );
        }
        assert_eq!(
            read("\u{feff}\"a\",b\r\n\"\",\"\"\"\"\r\n").unwrap().len(),
            2
        );
    }

    #[test]
    fn what_is_too_much_is_refused_with_its_line() {
        let wide = vec!["1"; 21].join(",");
        let error = read(&format!("a,b\n1,2\n{wide}")).unwrap_err();
        assert_eq!(error, "line 3: the row has more than 20 cells");
        let long = "9".repeat(2 << 20);
        let error = read(&format!("a,b\n{long}")).unwrap_err();
        assert_eq!(error, "line 2: the row is over 1 MiB");
        let long = "9".repeat(1 << 20);
        assert_eq!(read(&long).unwrap()[0][0].len(), 1 << 20);
    }
}
