//! Reading a batch from CSV or Parquet into a sketch, in blocks of rows, so that memory does not
//! grow with the file.

mod collect;
mod csv;
mod decimal;
mod error;
mod meaning;
mod numbers;
mod parquet;
mod sample;

use std::path::Path;
use std::sync::Arc;

use model_core::schema::{MissingValues, Schema};
use model_files::missing::PANDAS_MISSING_WORDS;
use model_files::parquet::is_parquet;

use crate::random::Random;
use crate::sketch::{Capacity, Kind, Sketch, Spec};
use collect::is_missing;

pub use collect::Collector;
pub use error::{ReadError, ReadErrorKind};
pub(crate) use meaning::Meaning;
pub use model_files::block::{BLOCK_ROWS, Block, Cells, Texts};
pub use numbers::read_numbers_as_json;
pub use sample::RowSample;

/// How a file is read.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The columns to read; `None` reads all, with inferred types.
    pub specs: Option<Vec<Spec>>,
    /// Columns that [`OnBlock`] sees too, whether or not they are among those.
    pub shown: Vec<String>,
    /// Texts that stand for a missing value, and of columns of numbers the numbers among them.
    pub missing: MissingValues,
    /// What the columns mean: one that a feature describes is counted as a decision reads it.
    pub schema: Option<Arc<Schema>>,
    /// Derived fields that are computed where the file leaves them out: see [`OnBlock`].
    pub computed: Vec<String>,
    /// Columns of categories in which texts that the schema does not list are counted together.
    pub unnamed: Vec<String>,
    /// The capacity of each column's counts.
    pub capacity: Capacity,
    /// The most rows to keep for the domain classifier; 0 for none.
    pub sample_rows: usize,
    /// Reads only about one row in so many, the same ones every time.
    pub keep_one_in: Option<u64>,
    /// Numbers are rounded as pandas rounds them.
    pub as_pandas: bool,
}

impl Plan {
    /// All columns, with inferred types and pandas' words for missing values.
    #[must_use]
    pub fn infer(capacity: Capacity) -> Self {
        let words = PANDAS_MISSING_WORDS.iter();
        Self {
            specs: None,
            shown: Vec::new(),
            schema: None,
            computed: Vec::new(),
            unnamed: Vec::new(),
            missing: words
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
                .into(),
            capacity,
            sample_rows: 0,
            keep_one_in: None,
            as_pandas: false,
        }
    }
}

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Counts of the wanted columns that the file has.
    pub sketch: Sketch,
    /// Wanted columns that it does not have.
    pub lost: Vec<String>,
    /// Columns that it has beyond those.
    pub extra: Vec<String>,
    /// A sample of its rows, coded; empty when none were asked for.
    pub sample: RowSample,
    /// Its rows.
    pub rows: u64,
}

/// Keeps about one row in `one_in`; which ones depends on their index in the file alone.
fn keep(block: &mut Block, one_in: u64, first: u64) {
    let kept: Vec<bool> = (0..block.rows as u64)
        .map(|row| Random(first + row).next().is_multiple_of(one_in.max(1)))
        .collect();
    for cells in &mut block.columns {
        let mut of_row = kept.iter();
        match cells {
            Cells::Numbers(numbers) => numbers.retain(|_| of_row.next() == Some(&true)),
            Cells::Texts(texts) => {
                let mut left = Texts::default();
                texts
                    .iter()
                    .filter(|_| of_row.next() == Some(&true))
                    .for_each(|t| left.push(t));
                *texts = left;
            }
            Cells::Skipped => {}
        }
    }
    block.rows = kept.iter().filter(|kept| **kept).count();
}

/// A block of rows that has been read.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The cells of every column of the file.
    pub block: &'a Block,
    /// The index in the file of its first row: blocks may come in any order.
    pub first: u64,
    layout: &'a Layout,
}

impl<'a> Shown<'a> {
    /// The cells of a column that is wanted or of [`Plan::shown`], where the file has it.
    #[must_use]
    pub fn cells(&self, name: &str) -> Option<&'a Cells> {
        self.block.columns.get(self.layout.index(name)?)
    }
}

/// The values of a derived field in a block, in the order of its rows; NaN where there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// The field.
    pub name: String,
    /// Its value in each row.
    pub values: Vec<f64>,
}

/// Called with each block before it is counted, for what needs whole rows. What it answers is
/// counted where the file leaves the value out; it answers all of [`Plan::computed`].
pub type OnBlock<'a> = &'a (dyn Fn(&Shown<'_>) -> Result<Vec<Computed>, String> + Sync);

/// Reads a file, Parquet when it begins as such, else CSV.
///
/// # Errors
/// Names the file and line or column, what was expected and what came.
pub fn read(path: &Path, plan: &Plan) -> Result<Batch, ReadError> {
    read_with(path, plan, &|_| Ok(Vec::new()))
}

/// The same, and shows every block to `on_block`, on several threads for Parquet.
///
/// # Errors
/// As [`read`], and what `on_block` answers.
pub fn read_with(path: &Path, plan: &Plan, on_block: OnBlock<'_>) -> Result<Batch, ReadError> {
    let name = path.display().to_string();
    let parquet = is_parquet(path).map_err(|e| ReadError::io(&name, e))?;
    let mut texts: Vec<String> = Vec::new();
    loop {
        let result = if parquet {
            parquet::read(path, &name, plan, on_block)
        } else {
            csv::read(path, &name, plan, &texts, on_block)
        };
        match result {
            // A column that began with numbers holds a word: read it as text.
            Err(error) if plan.specs.is_none() => match error.kind {
                ReadErrorKind::Word => texts.extend(error.column),
                _ => return Err(error),
            },
            other => return other,
        }
    }
}

/// The wanted columns that the file has, and those that are computed.
#[derive(Debug)]
struct Layout {
    specs: Vec<Spec>,
    /// The index of each spec's column in a block: a derived one that the file leaves out has one
    /// behind those of the file.
    indices: Vec<Option<usize>>,
    /// Columns that are shown and not wanted, and the index of each.
    shown: Vec<(String, usize)>,
    /// Columns of the file.
    width: usize,
    /// Columns of a block, with those that are computed.
    filled: usize,
    lost: Vec<String>,
    extra: Vec<String>,
}

impl Layout {
    fn new(header: &[String], wanted: Vec<Spec>, plan: &Plan) -> Self {
        let mut names = header.to_vec();
        let left_out = |name: &&String| !header.contains(name);
        names.extend(plan.computed.iter().filter(left_out).cloned());
        let index = |name: &str| names.iter().position(|column| column == name);
        let known = |name: &String| wanted.iter().any(|spec| spec.name == *name);
        let extra = header.iter().filter(|name| !known(name)).cloned().collect();
        let columns = header.iter().enumerate();
        let shown = columns.filter(|(_, name)| plan.shown.contains(name) && !known(name));
        let shown = shown.map(|(index, name)| (name.clone(), index)).collect();
        let (here, lost): (Vec<Spec>, Vec<Spec>) = wanted
            .into_iter()
            .partition(|spec| index(&spec.name).is_some());
        Self {
            indices: here.iter().map(|spec| index(&spec.name)).collect(),
            specs: here,
            shown,
            width: header.len(),
            filled: names.len(),
            lost: lost.into_iter().map(|spec| spec.name).collect(),
            extra,
        }
    }

    fn shown<'a>(&'a self, block: &'a Block, first: u64) -> Shown<'a> {
        Shown {
            block,
            first,
            layout: self,
        }
    }

    /// The index of the column of this name, if somebody reads it.
    fn index(&self, name: &str) -> Option<usize> {
        match self.specs.iter().position(|spec| spec.name == name) {
            Some(wanted) => self.indices[wanted],
            None => {
                let (_, index) = self.shown.iter().find(|(shown, _)| shown == name)?;
                Some(*index)
            }
        }
    }

    /// The indices of all columns that somebody reads.
    fn read(&self) -> impl Iterator<Item = usize> {
        let wanted = self.indices.iter().flatten();
        wanted
            .chain(self.shown.iter().map(|(_, index)| index))
            .copied()
    }

    /// Has a block looked at, and fills in what is computed.
    fn show(
        &self,
        block: &mut Block,
        first: u64,
        missing: &MissingValues,
        on_block: OnBlock<'_>,
    ) -> Result<(), String> {
        block.columns.truncate(self.width);
        let computed = on_block(&self.shown(block, first))?;
        block.columns.resize_with(self.filled, || Cells::Skipped);
        for Computed { name, values } in computed {
            let index = self.specs.iter().position(|spec| spec.name == name);
            let index = index.and_then(|index| self.indices[index]);
            if let Some(cells) = index.and_then(|index| block.columns.get_mut(index)) {
                fill_in(cells, values, missing);
            }
        }
        Ok(())
    }

    fn finish(self, name: &str, collector: Collector) -> Result<Batch, ReadError> {
        if collector.rows() == 0 {
            return Err(ReadError::new(name, ReadErrorKind::NoRows));
        }
        let rows = collector.rows();
        let (sketch, sample) = collector.finish();
        Ok(Batch {
            sketch,
            lost: self.lost,
            extra: self.extra,
            sample,
            rows,
        })
    }
}

/// Puts values where cells are missing; where there is no value, what means missing becomes a cell
/// that is missing in any list.
fn fill_in(cells: &mut Cells, values: Vec<f64>, missing: &MissingValues) {
    match cells {
        Cells::Skipped => *cells = Cells::Numbers(values),
        Cells::Numbers(numbers) => {
            for (number, value) in numbers.iter_mut().zip(values) {
                if number.is_nan() || missing.has_number(*number) {
                    *number = value;
                }
            }
        }
        Cells::Texts(texts) => {
            let is_left_out = |text: &str| {
                let text = text.trim();
                is_missing(text, missing) || missing.has_number_text(text)
            };
            if !texts.iter().any(is_left_out) {
                return;
            }
            let mut filled = Texts::default();
            for (text, value) in texts.iter().zip(values) {
                match is_left_out(text) {
                    true if value.is_nan() => filled.push(""),
                    true => filled.push(&value.to_string()),
                    false => filled.push(text),
                }
            }
            *texts = filled;
        }
    }
}

fn specs_of_kinds(header: &[String], kinds: Vec<Kind>) -> Vec<Spec> {
    let specs = header.iter().zip(kinds);
    specs
        .map(|(name, kind)| Spec::new(name.clone(), kind))
        .collect()
}
