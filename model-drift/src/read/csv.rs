//! CSV, row by row.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use model_files::csv::{StrayQuotes, Table};

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
    let file = File::open(path).map_err(|error| ReadError::io(name, error))?;
    let mut table = open(file, name)?;
    let mut block = Block::default();
    let mut more = fill(&mut table, &mut block, INFER_ROWS)?;
    let wanted = match &plan.specs {
        Some(specs) => specs.clone(),
        None => specs_of_kinds(
            table.header(),
            kinds(table.header(), &block, &plan.missing, texts),
        ),
    };
    let layout = Layout::new(table.header(), wanted);
    let sample = plan.sample_rows;
    let mut collector = Collector::new(
        layout.specs.clone(),
        plan.missing.clone(),
        plan.capacity,
        sample,
    )
    .rounding_as_pandas(plan.as_pandas);
    if plan.specs.is_none() {
        collector = collector.strict();
    }
    let mut first = 0;
    loop {
        let read = block.rows as u64;
        if let Some(one_in) = plan.keep_one_in {
            keep(&mut block, one_in, first);
        }
        collector
            .push(&block, &layout.indices, first)
            .map_err(|column| {
                ReadError::new(name, ReadErrorKind::Word).in_column(&layout.specs[column].name)
            })?;
        on_block(&layout.shown(&block))
            .map_err(|problem| ReadError::new(name, ReadErrorKind::Other(problem)))?;
        if !more {
            return layout.finish(name, collector);
        }
        first += read;
        more = fill(&mut table, &mut block, BLOCK_ROWS)?;
    }
}

/// Batches come from anywhere: a stray quote is text, as pandas reads it.
fn open(file: File, name: &str) -> Result<Table<File>, ReadError> {
    let table = Table::open_with(file, name, StrayQuotes::Kept)?;
    if table.header().iter().any(String::is_empty) {
        return Err(ReadError::new(name, ReadErrorKind::NoName).at(1));
    }
    Ok(table)
}

/// A column is one of numbers when every cell of the first rows that is not missing is a
/// number. One without any value is one of numbers too, as pandas has it.
fn kinds(header: &[String], block: &Block, missing: &[String], forced: &[String]) -> Vec<Kind> {
    let number = |text: &str| {
        let text = text.trim();
        text.parse::<f64>().is_ok() || missing.iter().any(|word| word == text)
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
