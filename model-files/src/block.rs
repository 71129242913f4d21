//! Blocks of rows, column by column.

use std::fmt;

/// Rows that are read at once.
pub const BLOCK_ROWS: usize = 8192;

/// Cells of a block of rows, one entry a column.
#[derive(Debug, Default)]
pub struct Block {
    /// How many rows.
    pub rows: usize,
    /// For each column of the file.
    pub columns: Vec<Cells>,
}

/// The cells of one column.
#[derive(Debug)]
pub enum Cells {
    /// Numbers; NaN is missing.
    Numbers(Vec<f64>),
    /// Texts, one after the other.
    Texts(Texts),
    /// Not wanted.
    Skipped,
}

/// Many texts in one buffer.
#[derive(Debug, Default)]
pub struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    /// Adds one; the empty text is missing.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// Adds what is formatted, without a text of its own.
    pub(crate) fn push_formatted(&mut self, text: fmt::Arguments<'_>) {
        use fmt::Write as _;
        // Writing into memory cannot fail.
        let _ = self.text.write_fmt(text);
        self.ends.push(self.text.len());
    }

    /// How many bytes all of them have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// One of them; the empty text beyond the last.
    #[must_use]
    pub fn get(&self, row: usize) -> &str {
        let Some(&end) = self.ends.get(row) else {
            return "";
        };
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..end]
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.text[start..*end])
    }
}
