//! The rows of one row group, block by block.

use std::sync::Arc;

use parquet::column::reader::get_column_reader;
use parquet::errors::ParquetError as LibraryError;

use super::budget::Budget;
use super::column::{Open, emptied};
use super::guard::guarded;
use super::pages::Pages;
use super::stored::Stored;
use super::{ParquetError, ParquetErrorKind, ParquetFile};
use crate::block::{BLOCK_ROWS, Block, Cells};
use crate::csv::MAX_RECORD;

/// Cells of a block: of many columns it has fewer rows.
const BLOCK_CELLS: usize = 1 << 20;
/// Bytes of texts after which a block ends.
const BLOCK_TEXT: usize = 64 << 20;
/// Rows of which the texts are read before it is known how long they are.
const TEXT_ROWS: usize = 64;

/// The rows of one row group, block by block.
pub struct Group {
    /// What errors call the file.
    name: String,
    columns: Vec<Option<Open>>,
    block: Block,
    /// Rows of a block, at most.
    most: usize,
    left: usize,
    levels: Vec<i16>,
}

impl Group {
    pub(super) fn open(
        file: &ParquetFile,
        index: usize,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Self, ParquetError> {
        let group = file.metadata.row_group(index);
        let stored = file.stored()?;
        let length = stored
            .metadata()
            .map_err(|error| ParquetError::new(&file.name, ParquetErrorKind::Io(error)))?;
        let budget = Arc::new(Budget::new(length.len()));
        let stored = Arc::new(stored);
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let open = |index: usize| {
            let column = &file.columns[index];
            file.kind(index)?;
            let optional = column.max_def_level() > 0;
            let pages =
                guarded(|| Stored::pages(&stored, group.column(index), rows)).map_err(|error| {
                    ParquetError::new(&file.name, ParquetErrorKind::of_library(error))
                })?;
            let budget = Arc::clone(&budget);
            let pages = Pages::new(Box::new(pages), column.physical_type(), optional, budget);
            Ok(Open {
                name: column.name().to_owned(),
                reader: get_column_reader(Arc::clone(column), Box::new(pages)),
                optional,
                meaning: file.meanings[index],
                as_texts: file.as_texts[index],
                number_texts: file.number_texts(index),
            })
        };
        let columns = (0..file.columns.len())
            .map(|index| wanted(index).then(|| open(index)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let read = columns.iter().flatten().count();
        let mut block = Block::default();
        block.columns.resize_with(columns.len(), || Cells::Skipped);
        Ok(Self {
            name: file.name.clone(),
            columns,
            block,
            most: (BLOCK_CELLS / read.max(1)).clamp(1, BLOCK_ROWS),
            left: rows,
            levels: Vec::new(),
        })
    }

    /// The next block, of up to 8,192 rows and 1,048,576 cells; it ends earlier where its texts
    /// have 64 MiB together. `None` at the end.
    ///
    /// # Errors
    /// When the file is damaged, or a row has more than a mebibyte of text.
    pub fn next_block(&mut self) -> Result<Option<&mut Block>, ParquetError> {
        if self.left == 0 {
            return Ok(None);
        }
        // They say how many rows the block has.
        self.block.rows = self.read_texts()?;
        self.left -= self.block.rows;
        for (open, cells) in self.columns.iter_mut().zip(&mut self.block.columns) {
            let Some(open) = open.as_mut().filter(|open| !open.is_of_bytes()) else {
                continue;
            };
            let (rows, levels) = (self.block.rows, &mut self.levels);
            guarded(|| open.fill(cells, rows, levels))
                .map_err(|error| in_column(&self.name, &open.name, error))?;
            open.number_texts.write(cells);
        }
        Ok(Some(&mut self.block))
    }

    /// The block that was read last.
    pub(super) fn block(&self) -> &Block {
        &self.block
    }

    /// Reads the columns of texts, some rows of all of them at a time; answers how many rows.
    fn read_texts(&mut self) -> Result<usize, ParquetError> {
        let columns = self.columns.iter_mut().zip(&mut self.block.columns);
        let mut columns: Vec<_> = columns
            .filter_map(|(open, cells)| {
                let open = open.as_mut().filter(|open| open.is_of_bytes())?;
                Some((open, emptied(cells)?))
            })
            .collect();
        let most = self.left.min(self.most);
        let (mut rows, mut bytes) = (0, 0);
        while rows < most && bytes < BLOCK_TEXT && !columns.is_empty() {
            let step = TEXT_ROWS.min(most - rows);
            let mut allowed = step * MAX_RECORD;
            for (open, texts) in &mut columns {
                let before = texts.bytes();
                let levels = &mut self.levels;
                guarded(|| open.add(texts, (step, allowed), levels))
                    .map_err(|error| in_column(&self.name, &open.name, error))?;
                let added = texts.bytes() - before;
                allowed -= added;
                bytes += added;
            }
            rows += step;
        }
        Ok(if columns.is_empty() { most } else { rows })
    }
}

fn in_column(file: &str, column: &str, error: LibraryError) -> ParquetError {
    ParquetError::new(file, ParquetErrorKind::of_library(error)).in_column(column)
}
