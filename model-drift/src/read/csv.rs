//! CSV: pieces of the file on several threads, in blocks of rows.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use model_core::schema::MissingValues;
use model_files::csv::{Pieces, StrayQuotes, Table};
use rayon::prelude::*;

use super::{
    BLOCK_ROWS, Batch, Block, Cells, Collector, Layout, OnBlock, Plan, ReadError, ReadErrorKind,
    Texts, keep, specs_of_kinds,
};
use crate::sketch::Kind;

/// Rows from which types are inferred; a later word makes a column one of texts.
const INFER_ROWS: usize = BLOCK_ROWS;

pub(super) fn read(
    path: &Path,
    name: &str,
    plan: &Plan,
    texts: &[String],
    on_block: OnBlock<'_>,
) -> Result<Batch, ReadError> {
    let open = || File::open(path).map_err(|error| ReadError::io(name, error));
    let mut pieces = Pieces::open_with(open()?, name, StrayQuotes::Kept)?;
    let head = pieces.head().clone();
    if head.header().iter().any(String::is_empty) {
        return Err(ReadError::new(name, ReadErrorKind::NoName).at(1));
    }
    let wanted = match &plan.specs {
        Some(specs) => specs.clone(),
        None => {
            let mut table = Table::open_with(open()?, name, StrayQuotes::Kept)?;
            let mut block = Block::default();
            fill(&mut table, &mut block, INFER_ROWS)?;
            specs_of_kinds(
                table.header(),
                kinds(table.header(), &block, &plan.missing, texts),
            )
        }
    };
    let counting = Counting {
        name,
        plan,
        layout: Layout::new(head.header(), wanted, plan),
        on_block,
        idle: Mutex::default(),
    };
    let read_wave = |pieces: &mut Pieces<File>| {
        // Half as many as fill all threads: the wave before is still there.
        let wave = pieces.next_pieces(rayon::current_num_threads().div_ceil(2))?;
        let blocks = wave.par_iter().map(|piece| blocks(&mut head.table(piece)));
        Ok::<_, ReadError>(blocks.collect::<Vec<Result<Vec<Block>, ReadError>>>())
    };
    let (mut first, mut wave) = (0, read_wave(&mut pieces)?);
    while !wave.is_empty() {
        let blocks = wave.into_iter().collect::<Result<Vec<_>, _>>()?;
        let numbered = blocks.into_iter().flatten().map(|block| {
            let before = first;
            first += block.rows as u64;
            (before, block)
        });
        let numbered: Vec<(u64, Block)> = numbered.collect();
        // While blocks are counted, the next are read.
        let count = || -> Vec<Result<(), ReadError>> {
            let counted = numbered.into_par_iter();
            let counted = counted.map(|(first, mut block)| counting.count(&mut block, first));
            counted.collect()
        };
        let (counted, next) = rayon::join(count, || read_wave(&mut pieces));
        // The first error of the file, whichever thread was first.
        counted.into_iter().collect::<Result<(), _>>()?;
        wave = next?;
    }
    let mut rest = pieces.into_rest();
    let (mut block, mut more) = (Block::default(), true);
    while more {
        more = fill(&mut rest, &mut block, BLOCK_ROWS)?;
        let read = block.rows as u64;
        if read > 0 {
            counting.count(&mut block, first)?;
        }
        first += read;
    }
    counting.finish()
}

/// Counts blocks, on several threads at a time.
struct Counting<'a> {
    name: &'a str,
    plan: &'a Plan,
    layout: Layout,
    on_block: OnBlock<'a>,
    /// What threads have counted; their order changes nothing.
    idle: Mutex<Vec<Collector>>,
}

impl Counting<'_> {
    fn collector(&self) -> Collector {
        let plan = self.plan;
        let collector =
            Collector::new(self.layout.specs.clone(), plan).rounding_as_pandas(plan.as_pandas);
        if plan.specs.is_none() {
            collector.strict()
        } else {
            collector
        }
    }

    /// Counts a block whose first row is the file's row `first`.
    fn count(&self, block: &mut Block, first: u64) -> Result<(), ReadError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut collector = taken.unwrap_or_else(|| self.collector());
        if let Some(one_in) = self.plan.keep_one_in {
            keep(block, one_in, first);
        }
        self.layout
            .show(block, first, &self.plan.missing, self.on_block)
            .map_err(|problem| ReadError::new(self.name, ReadErrorKind::Other(problem)))?;
        collector
            .push(block, &self.layout.indices, first)
            .map_err(|column| {
                let column = &self.layout.specs[column].name;
                ReadError::new(self.name, ReadErrorKind::Word).in_column(column)
            })?;
        idle().push(collector);
        Ok(())
    }

    fn finish(self) -> Result<Batch, ReadError> {
        let mut sum = self.collector();
        let counted = self.idle.into_inner();
        for collector in counted.unwrap_or_else(PoisonError::into_inner) {
            let merged = sum.merge(collector);
            merged.map_err(|error| {
                ReadError::new(self.name, ReadErrorKind::Other(error.to_string()))
            })?;
        }
        self.layout.finish(self.name, sum)
    }
}

/// All rows of a table, in blocks.
fn blocks(table: &mut Table<impl Read>) -> Result<Vec<Block>, ReadError> {
    let (mut blocks, mut more) = (Vec::new(), true);
    while more {
        let mut block = Block::default();
        more = fill(table, &mut block, BLOCK_ROWS)?;
        if block.rows > 0 {
            blocks.push(block);
        }
    }
    Ok(blocks)
}

/// A column is one of numbers when every cell of the first rows that is not missing is a
/// number. One without any value is one of numbers too, as pandas has it.
fn kinds(
    header: &[String],
    block: &Block,
    missing: &MissingValues,
    forced: &[String],
) -> Vec<Kind> {
    let number = |text: &str| {
        let text = text.trim();
        text.parse::<f64>().is_ok() || missing.has_text(text)
    };
    let kind = |(name, cells): (&String, &Cells)| match cells {
        Cells::Texts(cells) if !forced.contains(name) && cells.iter().all(number) => Kind::Number,
        _ => Kind::Category,
    };
    header.iter().zip(&block.columns).map(kind).collect()
}

/// Reads up to `most` rows; whether there may be more.
fn fill(table: &mut Table<impl Read>, block: &mut Block, most: usize) -> Result<bool, ReadError> {
    let columns = table.header().len();
    block.rows = 0;
    block
        .columns
        .resize_with(columns, || Cells::Texts(Texts::default()));
    for cells in &mut block.columns {
        if let Cells::Texts(texts) = cells {
            texts.clear();
        }
    }
    while block.rows < most {
        let Some(row) = table.next_row()? else {
            return Ok(false);
        };
        for (index, cells) in block.columns.iter_mut().enumerate() {
            if let Cells::Texts(texts) = cells {
                texts.push(row.field(index));
            }
        }
        block.rows += 1;
    }
    Ok(true)
}
