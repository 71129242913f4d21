//! From blocks of cells to a sketch and a sample of rows.

use model_core::cells::ShortTexts;
use model_core::decimal::short;
use model_core::schema::MissingValues;
use model_core::value::boolean_word;

use super::decimal::as_pandas;
use super::{Block, Cells, RowSample, Texts};
use crate::sketch::{Capacity, Column, Kind, Sketch, Spec, boolean_texts, text_hash};

/// Counts the cells of wanted columns.
#[derive(Debug)]
pub struct Collector {
    sketch: Sketch,
    missing: MissingValues,
    booleans: Vec<bool>,
    sample: RowSample,
    rows: u64,
    strict: bool,
    as_pandas: bool,
}

impl Collector {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(
        specs: Vec<Spec>,
        missing: MissingValues,
        capacity: Capacity,
        sample: usize,
    ) -> Self {
        let booleans = specs.iter().map(|spec| spec.known == boolean_texts());
        Self {
            booleans: booleans.collect(),
            sketch: Sketch::new(specs, capacity),
            missing,
            sample: RowSample::new(sample),
            rows: 0,
            strict: false,
            as_pandas: false,
        }
    }

    /// A word among numbers ends the count instead of being counted as invalid.
    pub(super) fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Numbers are rounded as pandas rounds them.
    pub(super) fn rounding_as_pandas(mut self, yes: bool) -> Self {
        self.as_pandas = yes;
        self
    }

    /// Rows counted so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Counts a block whose first row is the file's row `first`; `indices` gives the block's
    /// column for each wanted one. A strict collector refuses a word among numbers, with the
    /// index of that column among the wanted ones.
    pub(super) fn push(
        &mut self,
        block: &Block,
        indices: &[Option<usize>],
        first: u64,
    ) -> Result<(), usize> {
        for (wanted, index) in indices.iter().enumerate() {
            let Some(cells) = index.and_then(|index| block.columns.get(index)) else {
                continue;
            };
            if !self.count(wanted, cells) {
                return Err(wanted);
            }
        }
        for row in 0..block.rows {
            if self.sample.wants(first + row as u64) {
                let cells = indices.iter().enumerate();
                let cells = cells.map(|(wanted, index)| self.code(wanted, *index, block, row));
                let cells = cells.collect();
                self.sample.push(first + row as u64, cells);
            }
        }
        self.rows += block.rows as u64;
        Ok(())
    }

    /// Counts a column of a block; `false` when it is refused.
    fn count(&mut self, wanted: usize, cells: &Cells) -> bool {
        let column = &mut self.sketch.columns[wanted];
        match (cells, column.spec.kind) {
            (Cells::Numbers(numbers), Kind::Number) if self.missing.numbers().is_empty() => {
                column.push_numbers(numbers);
            }
            (Cells::Numbers(numbers), Kind::Number) => {
                let known = |number: &f64| match self.missing.has_number(*number) {
                    true => f64::NAN,
                    false => *number,
                };
                let numbers: Vec<f64> = numbers.iter().map(known).collect();
                column.push_numbers(&numbers);
            }
            (Cells::Numbers(numbers), Kind::Category) => {
                for number in numbers {
                    let text = number.to_string();
                    match number.is_nan() || self.missing.has_text(&text) {
                        true => column.push_missing(),
                        false => push_text(column, &text, self.booleans[wanted]),
                    }
                }
            }
            (Cells::Texts(texts), Kind::Category) => {
                let is_boolean = self.booleans[wanted];
                push_texts(column, texts, &self.missing, is_boolean);
            }
            (Cells::Texts(texts), Kind::Number) => {
                let parse = if self.as_pandas {
                    pandas_number
                } else {
                    plain_number
                };
                return push_numbers(column, texts, &self.missing, self.strict, parse);
            }
            (Cells::Skipped, _) => {}
        }
        true
    }

    /// A cell as the sample keeps it.
    fn code(&self, wanted: usize, index: Option<usize>, block: &Block, row: usize) -> f64 {
        let kind = self.sketch.columns[wanted].spec.kind;
        match index.and_then(|index| block.columns.get(index)) {
            Some(Cells::Numbers(numbers)) if self.missing.has_number(numbers[row]) => f64::NAN,
            Some(Cells::Numbers(numbers)) => numbers[row],
            Some(Cells::Texts(texts)) => {
                let text = trimmed(texts.get(row));
                if self.missing.has_text(text) {
                    f64::NAN
                } else if kind == Kind::Number {
                    let number = text.parse().unwrap_or(f64::NAN);
                    match self.missing.has_number(number) {
                        true => f64::NAN,
                        false => number,
                    }
                } else {
                    // 32 bits are exact in an f64.
                    (text_hash(text) >> 32) as f64
                }
            }
            Some(Cells::Skipped) | None => f64::NAN,
        }
    }

    /// Adds what another has counted of the same file.
    pub(super) fn merge(&mut self, other: Self) -> Result<(), crate::sketch::SketchError> {
        self.sketch.merge(&other.sketch)?;
        self.sample.merge(other.sample);
        self.rows += other.rows;
        Ok(())
    }

    /// What was counted.
    #[must_use]
    pub fn finish(self) -> (Sketch, RowSample) {
        (self.sketch, self.sample)
    }
}

fn trimmed(text: &str) -> &str {
    text.trim()
}

/// Counts texts: one that comes again and again is looked at once.
fn push_texts(column: &mut Column, texts: &Texts, missing: &MissingValues, is_boolean: bool) {
    let mut known: ShortTexts<(&str, u64)> = ShortTexts::default();
    let mut push = |text: &str, count| {
        let text = trimmed(text);
        match boolean_word(text) {
            _ if missing.has_text(text) => column.missing += count,
            Some(yes) if is_boolean => column.push_texts(if yes { "true" } else { "false" }, count),
            _ => column.push_texts(text, count),
        }
    };
    for text in texts.iter() {
        if let Some((_, count)) = known.get_mut(text) {
            *count += 1;
        } else if !known.insert(text, (text, 1)) {
            push(text, 1);
        }
    }
    known.iter().for_each(|(text, count)| push(text, *count));
}

fn push_text(column: &mut Column, text: &str, boolean: bool) {
    match boolean_word(text) {
        Some(yes) if boolean => column.push_text(if yes { "true" } else { "false" }),
        _ => column.push_text(text),
    }
}

fn plain_number(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn pandas_number(text: &str) -> Option<f64> {
    as_pandas(text).or_else(|| plain_number(text))
}

fn push_numbers(
    column: &mut Column,
    texts: &Texts,
    missing: &MissingValues,
    strict: bool,
    parse: fn(&str) -> Option<f64>,
) -> bool {
    // A number may mean missing, such as -999; -0 is 0.
    let takes_short = !missing.numbers().iter().any(|number| *number >= 0.0);
    let mut numbers = Vec::new();
    for text in texts.iter() {
        // Up to 15 digits are the same number to everybody.
        if takes_short && let Some(number) = short(text) {
            numbers.push(number);
            continue;
        }
        let text = trimmed(text);
        match parse(text) {
            _ if missing.has_text(text) => column.push_missing(),
            Some(number) if missing.has_number(number) => column.push_missing(),
            Some(number) => numbers.push(number),
            _ if strict => return false,
            _ => column.push_invalid(),
        }
    }
    column.push_numbers(&numbers);
    true
}
