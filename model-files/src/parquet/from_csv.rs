//! CSV records written as Parquet.

use std::io::Write;

use super::ParquetError;
use super::cells::{NewCells, NewColumn};
use super::write::{Encoded, ParquetWriter};
use crate::csv::each_record;

/// Rows of a row group, about 30 MB of memory for a dozen columns.
const GROUP: usize = 1 << 18;

/// Writes the records of a CSV file as Parquet, in row groups of 262,144 rows. A cell that is
/// empty, or in a column of numbers no number, is missing.
pub struct FromCsv<W: Write + Send> {
    writer: ParquetWriter<'static, W>,
    columns: Vec<NewColumn>,
    cells: Vec<NewCells>,
    rows: usize,
}

impl<W: Write + Send> FromCsv<W> {
    /// Begins a file; `name` is what errors call it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(sink: W, name: &str, columns: Vec<NewColumn>) -> Result<Self, ParquetError> {
        Ok(Self {
            writer: ParquetWriter::create(sink, name, None, &columns)?,
            cells: empty(&columns),
            columns,
            rows: 0,
        })
    }

    /// Adds whole records that have a field for each column: a missing field is empty, others
    /// are left out.
    ///
    /// # Errors
    /// When the text is no CSV, or a row group cannot be written.
    pub fn push(&mut self, records: &[u8]) -> Result<(), ParquetError> {
        let mut pushed = 0;
        let (cells, rows) = (&mut self.cells, &mut self.rows);
        each_record(records, |row| {
            for (index, cells) in cells.iter_mut().enumerate() {
                cells.push(row.field(index));
            }
            pushed += 1;
        })
        .map_err(ParquetError::of_csv)?;
        *rows += pushed;
        if self.rows >= GROUP {
            self.flush()?;
        }
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<(), ParquetError> {
        if self.rows > 0 {
            self.flush()?;
        }
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        let cells = std::mem::replace(&mut self.cells, empty(&self.columns));
        self.rows = 0;
        self.writer.push(0, &Encoded::new(&self.columns, &cells)?)
    }
}

fn empty(columns: &[NewColumn]) -> Vec<NewCells> {
    columns
        .iter()
        .map(|column| NewCells::new(column.kind))
        .collect()
}
