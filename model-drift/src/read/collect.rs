//! From blocks of cells to a sketch and a sample of rows.

use std::sync::Arc;

use model_core::cells::ShortTexts;
use model_core::decimal::short;
use model_core::schema::{MissingValues, Schema};
use model_core::value::{Reading, boolean_word};

use super::decimal::as_pandas;
use super::{Block, Cells, Meaning, Plan, RowSample, Texts};
use crate::sketch::{Column, Kind, NOT_LISTED, Role, Sketch, Spec, boolean_texts, text_hash};

/// Counts the cells of wanted columns.
#[derive(Debug)]
pub struct Collector {
    sketch: Sketch,
    missing: Missing,
    booleans: Vec<bool>,
    schema: Option<Arc<Schema>>,
    /// Of each wanted column the index of its feature, where there is one.
    features: Vec<Option<usize>>,
    /// Whether texts that are not listed are counted together.
    unnamed: Vec<bool>,
    sample: RowSample,
    rows: u64,
    strict: bool,
    as_pandas: bool,
}

/// What means missing in each wanted column.
#[derive(Debug, Clone)]
struct Missing {
    listed: MissingValues,
    /// In a column that is filled in with computed values: a number that means missing where it is
    /// given is a number there.
    empty: MissingValues,
    is_computed: Vec<bool>,
}

impl Missing {
    fn new(specs: &[Spec], plan: &Plan) -> Self {
        let is_computed = specs.iter().map(|spec| plan.computed.contains(&spec.name));
        Self {
            listed: plan.missing.clone(),
            empty: vec![String::new()].into(),
            is_computed: is_computed.collect(),
        }
    }

    fn of(&self, wanted: usize) -> &MissingValues {
        match self.is_computed[wanted] {
            true => &self.empty,
            false => &self.listed,
        }
    }
}

impl Collector {
    /// Nothing counted yet.
    #[must_use]
    pub(super) fn new(specs: Vec<Spec>, plan: &Plan) -> Self {
        let booleans = specs.iter().map(|spec| spec.known == boolean_texts());
        let features = specs
            .iter()
            .map(|spec| feature(plan.schema.as_deref(), spec));
        let unnamed = specs.iter().map(|spec| plan.unnamed.contains(&spec.name));
        let missing = Missing::new(&specs, plan);
        Self {
            booleans: booleans.collect(),
            features: features.collect(),
            unnamed: unnamed.collect(),
            schema: plan.schema.clone(),
            sketch: Sketch::new(specs, plan.capacity),
            missing,
            sample: RowSample::new(plan.sample_rows),
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
        let schema = self.schema.clone();
        let missing = self.missing.clone();
        let feature = |(wanted, index): (usize, &Option<usize>)| {
            let feature = schema.as_ref()?.features.get((*index)?)?;
            Some(Meaning::new(feature, missing.of(wanted)))
        };
        let features = self.features.iter().enumerate();
        let mut meanings: Vec<Option<Meaning<'_>>> = features.map(feature).collect();
        for (wanted, index) in indices.iter().enumerate() {
            let Some(cells) = index.and_then(|index| block.columns.get(index)) else {
                continue;
            };
            let is_counted = match &mut meanings[wanted] {
                Some(meaning) => {
                    self.count_meaning(wanted, cells, block.rows, meaning);
                    true
                }
                None => self.count(wanted, cells),
            };
            if !is_counted {
                return Err(wanted);
            }
        }
        for row in 0..block.rows {
            if self.sample.wants(first + row as u64) {
                let cells = indices.iter().enumerate().map(|(wanted, index)| {
                    let cells = index.and_then(|index| block.columns.get(index));
                    match &mut meanings[wanted] {
                        Some(meaning) => self.code_meaning(wanted, cells, row, meaning),
                        None => self.code(wanted, cells, row),
                    }
                });
                let cells = cells.collect();
                self.sample.push(first + row as u64, cells);
            }
        }
        self.rows += block.rows as u64;
        Ok(())
    }

    /// Counts a column of a feature, as a decision reads its cells.
    fn count_meaning(
        &mut self,
        wanted: usize,
        cells: &Cells,
        rows: usize,
        meaning: &mut Meaning<'_>,
    ) {
        let is_unnamed = self.unnamed[wanted];
        let column = &mut self.sketch.columns[wanted];
        let is_number = column.spec.kind == Kind::Number;
        let mut numbers = Vec::new();
        let mut counts = vec![0; column.spec.known.len()];
        for row in 0..rows {
            match meaning.read(Some(cells), row) {
                Ok(Reading::Is(number)) if is_number => numbers.push(number),
                Ok(Reading::Is(code)) => {
                    if let Some(count) = counts.get_mut(code as usize) {
                        *count += 1;
                    }
                }
                Ok(Reading::Missing) => column.push_missing(),
                Ok(Reading::Unknown) if is_unnamed => column.push_text(NOT_LISTED),
                Ok(Reading::Unknown) => with_text(cells, row, |text| column.push_text(text)),
                Err(_) => column.push_invalid(),
            }
        }
        if is_number {
            column.push_numbers(&numbers);
        }
        for (index, count) in counts.into_iter().enumerate() {
            let text = column.spec.known[index].clone();
            column.push_texts(&text, count);
        }
    }

    /// Such a cell as the sample keeps it: a category by its index in the list.
    fn code_meaning(
        &self,
        wanted: usize,
        cells: Option<&Cells>,
        row: usize,
        meaning: &mut Meaning<'_>,
    ) -> f64 {
        match (meaning.read(cells, row), cells) {
            (Ok(Reading::Is(value)), _) => value,
            (Ok(Reading::Unknown), Some(cells)) if !self.unnamed[wanted] => {
                with_text(cells, row, code_of_text)
            }
            (Ok(Reading::Unknown), _) => Reading::Unknown.code(),
            (Ok(Reading::Missing) | Err(_), _) => f64::NAN,
        }
    }

    /// Counts a column of a block; `false` when it is refused.
    fn count(&mut self, wanted: usize, cells: &Cells) -> bool {
        let column = &mut self.sketch.columns[wanted];
        let missing = self.missing.of(wanted);
        match (cells, column.spec.kind) {
            (Cells::Numbers(numbers), Kind::Number) if missing.numbers().is_empty() => {
                column.push_numbers(numbers);
            }
            (Cells::Numbers(numbers), Kind::Number) => {
                let known = |number: &f64| match missing.has_number(*number) {
                    true => f64::NAN,
                    false => *number,
                };
                let numbers: Vec<f64> = numbers.iter().map(known).collect();
                column.push_numbers(&numbers);
            }
            (Cells::Numbers(numbers), Kind::Category) => {
                for number in numbers {
                    let text = number.to_string();
                    match number.is_nan() || missing.has_text(&text) {
                        true => column.push_missing(),
                        false => column.push_text(counted_as(&text, self.booleans[wanted])),
                    }
                }
            }
            (Cells::Texts(texts), Kind::Category) => {
                let is_boolean = self.booleans[wanted];
                push_texts(column, texts, missing, is_boolean);
            }
            (Cells::Texts(texts), Kind::Number) => {
                let parse = if self.as_pandas {
                    pandas_number
                } else {
                    plain_number
                };
                return push_numbers(column, texts, missing, self.strict, parse);
            }
            (Cells::Skipped, _) => {}
        }
        true
    }

    /// A cell as the sample keeps it: a text by the hash of what it is counted as.
    fn code(&self, wanted: usize, cells: Option<&Cells>, row: usize) -> f64 {
        let kind = self.sketch.columns[wanted].spec.kind;
        let missing = self.missing.of(wanted);
        let number = |number: f64| match missing.has_number(number) {
            true => f64::NAN,
            false => number,
        };
        match (cells, kind) {
            (Some(Cells::Numbers(numbers)), Kind::Number) => number(numbers[row]),
            (Some(Cells::Texts(texts)), Kind::Number) => {
                let text = texts.get(row).trim();
                match is_missing(text, missing) {
                    true => f64::NAN,
                    false => number(text.parse().unwrap_or(f64::NAN)),
                }
            }
            (Some(Cells::Numbers(numbers)), Kind::Category) if numbers[row].is_nan() => f64::NAN,
            (Some(cells @ (Cells::Numbers(_) | Cells::Texts(_))), Kind::Category) => {
                with_text(cells, row, |text| match is_missing(text, missing) {
                    true => f64::NAN,
                    false => code_of_text(counted_as(text, self.booleans[wanted])),
                })
            }
            (Some(Cells::Skipped) | None, _) => f64::NAN,
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

/// The index of the feature that a column is counted by. A reference that was counted without the
/// schema, or with another one, has other texts: then its own are counted.
fn feature(schema: Option<&Schema>, spec: &Spec) -> Option<usize> {
    let features = &schema?.features;
    let index = features.iter().position(|one| one.name == spec.name)?;
    let of_feature = Spec::from_feature(&features[index]);
    let is_read = matches!(of_feature.role, Role::Input | Role::Protected);
    let is_same = of_feature.kind == spec.kind && of_feature.known == spec.known;
    (is_read && is_same).then_some(index)
}

/// Whether a text stands for a missing value.
pub(super) fn is_missing(text: &str, missing: &MissingValues) -> bool {
    text.is_empty() || missing.has_text(text)
}

/// Does something with the text of a cell.
fn with_text<T>(cells: &Cells, row: usize, mut what: impl FnMut(&str) -> T) -> T {
    match cells {
        Cells::Texts(texts) => what(texts.get(row).trim()),
        Cells::Numbers(numbers) => what(&numbers[row].to_string()),
        Cells::Skipped => what(""),
    }
}

/// The text that a text is counted as.
fn counted_as(text: &str, is_boolean: bool) -> &str {
    match boolean_word(text) {
        Some(true) if is_boolean => "true",
        Some(false) if is_boolean => "false",
        _ => text,
    }
}

/// 32 bits are exact in an f64.
fn code_of_text(text: &str) -> f64 {
    (text_hash(text) >> 32) as f64
}

/// Counts texts: one that comes again and again is looked at once.
fn push_texts(column: &mut Column, texts: &Texts, missing: &MissingValues, is_boolean: bool) {
    let mut known: ShortTexts<(&str, u64)> = ShortTexts::default();
    let mut push = |text: &str, count| {
        let text = text.trim();
        match is_missing(text, missing) {
            true => column.missing += count,
            false => column.push_texts(counted_as(text, is_boolean), count),
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
        let text = text.trim();
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
