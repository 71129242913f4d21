//! Reading a batch from CSV or Parquet into a sketch, in blocks of rows, so that memory does not
//! grow with the file.

mod collect;
mod csv;
mod decimal;
mod error;
mod parquet;
mod sample;

use std::path::Path;

use model_core::schema::MissingValues;
use model_files::missing::PANDAS_MISSING_WORDS;
use model_files::parquet::is_parquet;

use crate::random::Random;
use crate::sketch::{Capacity, Kind, Sketch, Spec};

pub use collect::Collector;
pub use error::{ReadError, ReadErrorKind};
pub use model_files::block::{BLOCK_ROWS, Block, Cells, Texts};
pub use sample::RowSample;

/// How a file is read.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The columns to read; `None` reads all, with inferred types.
    pub specs: Option<Vec<Spec>>,
    /// Texts that stand for a missing value, and of columns of numbers the numbers among them.
    pub missing: MissingValues,
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
    specs: &'a [Spec],
    indices: &'a [Option<usize>],
}

impl<'a> Shown<'a> {
    /// The cells of a wanted column, where the file has it.
    #[must_use]
    pub fn cells(&self, name: &str) -> Option<&'a Cells> {
        let index = self.specs.iter().position(|spec| spec.name == name)?;
        self.block.columns.get(self.indices[index]?)
    }
}

/// Called with each block, for what needs whole rows.
pub type OnBlock<'a> = &'a (dyn Fn(&Shown<'_>) -> Result<(), String> + Sync);

/// Reads a file, Parquet when it begins as such, else CSV.
///
/// # Errors
/// Names the file and line or column, what was expected and what came.
pub fn read(path: &Path, plan: &Plan) -> Result<Batch, ReadError> {
    read_with(path, plan, &|_| Ok(()))
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

/// The wanted columns that the file has.
struct Layout {
    specs: Vec<Spec>,
    /// The index of each spec's column in the file.
    indices: Vec<Option<usize>>,
    lost: Vec<String>,
    extra: Vec<String>,
}

impl Layout {
    fn new(header: &[String], wanted: Vec<Spec>) -> Self {
        let index = |name: &str| header.iter().position(|column| column == name);
        let known = |name: &String| wanted.iter().any(|spec| spec.name == *name);
        let extra = header.iter().filter(|name| !known(name)).cloned().collect();
        let (here, lost): (Vec<Spec>, Vec<Spec>) = wanted
            .into_iter()
            .partition(|spec| index(&spec.name).is_some());
        Self {
            indices: here.iter().map(|spec| index(&spec.name)).collect(),
            specs: here,
            lost: lost.into_iter().map(|spec| spec.name).collect(),
            extra,
        }
    }

    fn shown<'a>(&'a self, block: &'a Block, first: u64) -> Shown<'a> {
        Shown {
            block,
            first,
            specs: &self.specs,
            indices: &self.indices,
        }
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

fn specs_of_kinds(header: &[String], kinds: Vec<Kind>) -> Vec<Spec> {
    let specs = header.iter().zip(kinds);
    specs
        .map(|(name, kind)| Spec::new(name.clone(), kind))
        .collect()
}
