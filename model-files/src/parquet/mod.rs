//! Parquet, without Arrow: row groups in blocks of rows, and row groups with columns added.

mod cells;
mod column;
mod csv_text;
mod error;
mod from_csv;
mod guard;
mod meaning;
mod pages;
mod write;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Type as Physical;
use parquet::column::reader::get_column_reader;
use parquet::errors::ParquetError as LibraryError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescPtr, TypePtr};

use crate::block::{BLOCK_ROWS, Block, Cells};
use column::Open;
use guard::guarded;
use meaning::Meaning;
use pages::Pages;

pub use cells::{NewCells, NewColumn, NewKind, Words};
pub use csv_text::{CsvText, header_text};
pub use error::{ParquetError, ParquetErrorKind};
pub use from_csv::FromCsv;
pub use guard::is_guarded;
pub use write::{Encoded, ParquetWriter};

/// What a Parquet file begins and ends with.
pub const MAGIC: [u8; 4] = *b"PAR1";

/// Whether a file begins as Parquet does.
///
/// # Errors
/// When it cannot be read, or is a folder.
pub fn is_parquet(path: &Path) -> std::io::Result<bool> {
    let mut magic = [0; 4];
    let mut file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::Error::other("it is a folder"));
    }
    let mut read = 0;
    while read < 4 {
        match file.read(&mut magic[read..])? {
            0 => return Ok(false),
            more => read += more,
        }
    }
    Ok(magic == MAGIC)
}

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Numbers. A block in which one is too large for an `f64` has the digits of them all, as
    /// texts.
    Number,
    /// Texts, `true` and `false`, dates (`2026-03-31`), times of day (`12:00:00`) or timestamps
    /// (`2026-03-31T12:00:00Z`; without `Z` where the file does not say that it is UTC).
    Text,
}

/// A Parquet file whose columns have one value a row.
pub struct ParquetFile {
    path: PathBuf,
    name: String,
    columns: Vec<ColumnDescPtr>,
    /// The same as the file's schema has them.
    fields: Vec<TypePtr>,
    /// What the integers of each column mean.
    meanings: Vec<Meaning>,
    /// Columns of numbers that the file says are too large for an `f64`: texts in every block.
    as_texts: Vec<bool>,
    /// Rows of each row group.
    rows: Vec<u64>,
}

impl ParquetFile {
    /// Reads what the file says of itself; `name` is what errors call it.
    ///
    /// # Errors
    /// When it cannot be read or is damaged, or a column is nested or has another's name.
    pub fn open(path: &Path, name: &str) -> Result<Self, ParquetError> {
        let mut file = Self {
            path: path.to_owned(),
            name: name.to_owned(),
            columns: Vec::new(),
            fields: Vec::new(),
            meanings: Vec::new(),
            as_texts: Vec::new(),
            rows: Vec::new(),
        };
        let reader = file.reader()?;
        let metadata = reader.metadata();
        let groups = metadata.row_groups().iter();
        file.rows = groups
            .map(|group| u64::try_from(group.num_rows()).unwrap_or(0))
            .collect();
        let schema = metadata.file_metadata().schema_descr();
        file.columns = schema.columns().to_vec();
        file.fields = schema.root_schema().get_fields().to_vec();
        file.meanings = (file.columns.iter())
            .map(|column| Meaning::of(column))
            .collect();
        file.as_texts = (file.meanings.iter().enumerate())
            .map(|(index, meaning)| {
                let mut chunks = (metadata.row_groups().iter())
                    .filter_map(|group| group.columns().get(index)?.statistics());
                chunks.any(|chunk| meaning.exceeds_f64(chunk))
            })
            .collect();
        file.check_columns()?;
        for chunk in metadata
            .row_groups()
            .iter()
            .flat_map(|group| group.columns())
        {
            // The library takes it for granted.
            let begin = chunk.dictionary_page_offset();
            let begin = begin.unwrap_or_else(|| chunk.data_page_offset());
            if begin < 0 || chunk.compressed_size() < 0 {
                let problem = "a column begins before the file does".to_owned();
                return Err(damaged(&file.name, &LibraryError::General(problem)));
            }
        }
        Ok(file)
    }

    /// What errors call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns' names.
    #[must_use]
    pub fn header(&self) -> Vec<String> {
        let columns = self.columns.iter();
        columns.map(|column| column.name().to_owned()).collect()
    }

    /// Rows of each row group.
    #[must_use]
    pub fn group_rows(&self) -> &[u64] {
        &self.rows
    }

    /// What the cells of a column are.
    ///
    /// # Errors
    /// When they are neither numbers nor texts.
    pub fn kind(&self, column: usize) -> Result<ColumnKind, ParquetError> {
        let (column, meaning) = (&self.columns[column], self.meanings[column]);
        match column.physical_type() {
            Physical::INT32 | Physical::INT64 if meaning.is_text() => Ok(ColumnKind::Text),
            Physical::INT32 | Physical::INT64 | Physical::FLOAT | Physical::DOUBLE => {
                Ok(ColumnKind::Number)
            }
            Physical::BYTE_ARRAY if matches!(meaning, Meaning::Decimal(_)) => {
                let kind = ParquetErrorKind::Type("DECIMAL in a BYTE_ARRAY".to_owned());
                Err(ParquetError::new(&self.name, kind).in_column(column.name()))
            }
            Physical::BOOLEAN | Physical::BYTE_ARRAY => Ok(ColumnKind::Text),
            other => {
                let kind = ParquetErrorKind::Type(other.to_string());
                Err(ParquetError::new(&self.name, kind).in_column(column.name()))
            }
        }
    }

    /// Opens a row group to read the wanted columns. Groups may be read on several threads.
    ///
    /// # Errors
    /// When the file is damaged, or a wanted column is neither of numbers nor of texts.
    pub fn group(
        &self,
        index: usize,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Group, ParquetError> {
        // Clones of a file share its position, so each group opens the file itself.
        let reader = self.reader()?;
        let group = reader.get_row_group(index);
        let group = group.map_err(|error| damaged(&self.name, &error))?;
        Group::open(self, group.as_ref(), wanted)
    }

    fn reader(&self) -> Result<SerializedFileReader<File>, ParquetError> {
        let file = File::open(&self.path)
            .map_err(|error| ParquetError::new(&self.name, ParquetErrorKind::Io(error)))?;
        guarded(|| SerializedFileReader::new(file)).map_err(|error| damaged(&self.name, &error))
    }

    fn check_columns(&self) -> Result<(), ParquetError> {
        for (index, column) in self.columns.iter().enumerate() {
            let mut before = self.columns[..index].iter();
            let kind = if column.path().parts().len() > 1 || column.max_rep_level() > 0 {
                ParquetErrorKind::Nested
            } else if before.any(|other| other.name() == column.name()) {
                ParquetErrorKind::Twice
            } else {
                continue;
            };
            return Err(ParquetError::new(&self.name, kind).in_column(&column.path().string()));
        }
        Ok(())
    }
}

fn damaged(name: &str, error: &LibraryError) -> ParquetError {
    ParquetError::new(name, ParquetErrorKind::Damaged(error.to_string()))
}

/// The rows of one row group, block by block.
pub struct Group {
    /// What errors call the file.
    name: String,
    columns: Vec<Option<Open>>,
    block: Block,
    left: usize,
    levels: Vec<i16>,
}

impl Group {
    fn open(
        file: &ParquetFile,
        group: &dyn RowGroupReader,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Self, ParquetError> {
        let mut columns = Vec::with_capacity(file.columns.len());
        for (index, column) in file.columns.iter().enumerate() {
            if !wanted(index) {
                columns.push(None);
                continue;
            }
            file.kind(index)?;
            let pages = guarded(|| group.get_column_page_reader(index));
            let pages = Pages::new(pages.map_err(|error| damaged(&file.name, &error))?);
            columns.push(Some(Open {
                name: column.name().to_owned(),
                reader: get_column_reader(Arc::clone(column), Box::new(pages)),
                optional: column.max_def_level() > 0,
                meaning: file.meanings[index],
                as_texts: file.as_texts[index],
            }));
        }
        Ok(Self {
            name: file.name.clone(),
            columns,
            block: Block::default(),
            left: usize::try_from(group.metadata().num_rows()).unwrap_or(0),
            levels: Vec::new(),
        })
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn next_block(&mut self) -> Result<Option<&mut Block>, ParquetError> {
        let rows = self.left.min(BLOCK_ROWS);
        if rows == 0 {
            return Ok(None);
        }
        self.left -= rows;
        self.block.rows = rows;
        self.block
            .columns
            .resize_with(self.columns.len(), || Cells::Skipped);
        for (open, cells) in self.columns.iter_mut().zip(&mut self.block.columns) {
            let Some(open) = open else { continue };
            let levels = &mut self.levels;
            guarded(|| open.fill(cells, rows, levels))
                .map_err(|error| damaged(&self.name, &error).in_column(&open.name))?;
        }
        Ok(Some(&mut self.block))
    }
}
