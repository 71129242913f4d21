//! Cells of columns that are written to a Parquet file.

use std::collections::BTreeMap;

use parquet::data_type::ByteArray;

/// A column to write; any of its cells may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewColumn {
    /// Its name.
    pub name: String,
    /// What its cells are.
    pub kind: NewKind,
}

/// What the cells of a column to write are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKind {
    /// `DOUBLE`.
    Float64,
    /// `INT32`.
    Int32,
    /// UTF-8.
    Text,
}

/// The cells of one column, a row each.
#[derive(Debug)]
pub enum NewCells {
    /// Numbers; NaN is missing.
    Floats(Vec<f64>),
    /// Small integers.
    Integers(Vec<Option<i8>>),
    /// Texts.
    Words(Words),
}

impl NewCells {
    /// None yet, of a column of this kind.
    #[must_use]
    pub fn new(kind: NewKind) -> Self {
        match kind {
            NewKind::Float64 => Self::Floats(Vec::new()),
            NewKind::Int32 => Self::Integers(Vec::new()),
            NewKind::Text => Self::Words(Words::default()),
        }
    }

    /// Adds what a text says: a number that it is not, and the empty text, are missing.
    pub fn push(&mut self, text: &str) {
        match self {
            Self::Floats(numbers) => numbers.push(text.trim().parse().unwrap_or(f64::NAN)),
            Self::Integers(integers) => integers.push(text.trim().parse().ok()),
            Self::Words(words) => words.push(text),
        }
    }
}

/// Texts, each different one kept once.
#[derive(Debug, Default)]
pub struct Words {
    pub(super) words: Vec<ByteArray>,
    numbers: BTreeMap<String, u32>,
    /// One more than the index in `words`; 0 is missing.
    pub(super) rows: Vec<u32>,
}

impl Words {
    /// Adds one; the empty text is missing.
    pub fn push(&mut self, text: &str) {
        if text.is_empty() {
            return self.rows.push(0);
        }
        let is_word = |number: &&u32| {
            let index = (**number as usize).checked_sub(1);
            index.is_some_and(|index| self.words[index].data() == text.as_bytes())
        };
        // Columns of few words mostly repeat the one before.
        let number = match self.rows.last().filter(is_word) {
            Some(number) => *number,
            None => self.number(text),
        };
        self.rows.push(number);
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.words
            .push(ByteArray::from(text.to_owned().into_bytes()));
        // A row group has fewer rows than that.
        let number = self.words.len() as u32;
        self.numbers.insert(text.to_owned(), number);
        number
    }
}
