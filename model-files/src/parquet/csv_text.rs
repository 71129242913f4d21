//! A Parquet file as the CSV text of the same rows.

use std::io::{self, Read};
use std::path::Path;

use super::{Group, ParquetError, ParquetFile};
use crate::block::{Block, Cells};

/// Bytes of text after which no more rows are added to what is ready.
const TEXT: usize = 1 << 20;

/// The rows of a Parquet file as CSV, made block by block while it is read: whatever takes CSV
/// takes Parquet, in the same memory. The line of a row is its number and one for the header.
///
/// Numbers are written so that they are read back to the bit; what is missing is empty.
pub struct CsvText {
    file: ParquetFile,
    next_group: usize,
    group: Option<Group>,
    /// The next row of the group's block.
    row: usize,
    text: Vec<u8>,
    read: usize,
}

impl CsvText {
    /// Opens the file; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`ParquetFile::open`], and when a column is neither of numbers nor of texts.
    pub fn open(path: &Path, name: &str) -> Result<Self, ParquetError> {
        Self::new(ParquetFile::open(path, name)?)
    }

    /// The rows of a file that is open.
    ///
    /// # Errors
    /// When a column is neither of numbers nor of texts.
    pub fn new(file: ParquetFile) -> Result<Self, ParquetError> {
        (0..file.header().len()).try_for_each(|index| file.kind(index).map(|_| ()))?;
        Ok(Self {
            text: header_text(&file),
            file,
            next_group: 0,
            group: None,
            row: 0,
            read: 0,
        })
    }
}

/// The names of a file's columns as the first line of a CSV file.
#[must_use]
pub fn header_text(file: &ParquetFile) -> Vec<u8> {
    let mut text = Vec::new();
    for (index, name) in file.header().iter().enumerate() {
        separate(&mut text, index);
        push_quoted(&mut text, name);
    }
    text.push(b'\n');
    text
}

impl CsvText {
    /// Puts the text of the next rows in the place of the last; whether there were any.
    fn next_rows(&mut self) -> Result<bool, ParquetError> {
        self.text.clear();
        self.read = 0;
        loop {
            if let Some(group) = &mut self.group {
                let block = group.block();
                while self.row < block.rows && self.text.len() < TEXT {
                    push_row(&mut self.text, block, self.row);
                    self.row += 1;
                }
                if !self.text.is_empty() {
                    return Ok(true);
                }
                self.row = 0;
                if group.next_block()?.is_some() {
                    continue;
                }
            }
            if self.next_group == self.file.group_rows().len() {
                self.group = None;
                return Ok(false);
            }
            self.group = Some(self.file.group(self.next_group, |_| true)?);
            self.next_group += 1;
        }
    }
}

impl Read for CsvText {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.text.len() {
            if !self.next_rows().map_err(io::Error::other)? {
                return Ok(0);
            }
        }
        let length = buffer.len().min(self.text.len() - self.read);
        buffer[..length].copy_from_slice(&self.text[self.read..self.read + length]);
        self.read += length;
        Ok(length)
    }
}

fn push_row(text: &mut Vec<u8>, block: &Block, row: usize) {
    for (index, cells) in block.columns.iter().enumerate() {
        separate(text, index);
        match cells {
            Cells::Numbers(numbers) => push_number(text, numbers[row]),
            Cells::Texts(texts) => push_quoted(text, texts.get(row)),
            Cells::Skipped => {}
        }
    }
    text.push(b'\n');
}

fn separate(text: &mut Vec<u8>, index: usize) {
    if index > 0 {
        text.push(b',');
    }
}

fn push_number(text: &mut Vec<u8>, number: f64) {
    use std::io::Write as _;
    if !number.is_nan() {
        // Writing into memory cannot fail.
        let _ = write!(text, "{number}");
    }
}

fn push_quoted(text: &mut Vec<u8>, field: &str) {
    if !field.contains(['"', ',', '\n', '\r']) {
        text.extend_from_slice(field.as_bytes());
        return;
    }
    text.push(b'"');
    text.extend_from_slice(field.replace('"', "\"\"").as_bytes());
    text.push(b'"');
}
