//! Parquet, without Arrow: row groups in blocks of rows, and row groups with columns added.

mod budget;
mod cells;
mod column;
mod csv_text;
mod delta;
mod error;
mod footer;
mod from_csv;
mod group;
mod guard;
mod header;
mod meaning;
mod number_text;
mod pages;
mod stored;
mod thrift;
mod write;

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use parquet::basic::Type as Physical;
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::{ColumnDescPtr, TypePtr};

use meaning::Meaning;
use number_text::NumberTexts;

pub use cells::{NewCells, NewColumn, NewKind, Words};
pub use csv_text::{CsvText, header_text};
pub use error::{ParquetError, ParquetErrorKind};
pub use from_csv::FromCsv;
pub use group::Group;
pub use guard::is_guarded;
pub use number_text::NumberText;
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
    metadata: ParquetMetaData,
    columns: Vec<ColumnDescPtr>,
    /// The same as the file's schema has them.
    fields: Vec<TypePtr>,
    /// What the integers of each column mean.
    meanings: Vec<Meaning>,
    /// Columns of numbers that the file says are too large for an `f64`: texts in every block.
    as_texts: Vec<bool>,
    /// What the numbers of each column are read as.
    number_texts: Vec<Vec<NumberText>>,
    /// Rows of each row group.
    rows: Vec<u64>,
}

impl ParquetFile {
    /// Reads what the file says of itself; `name` is what errors call it.
    ///
    /// # Errors
    /// When it cannot be read or is damaged, has more than 10,000 columns, or a column is nested
    /// or has another's name.
    pub fn open(path: &Path, name: &str) -> Result<Self, ParquetError> {
        let metadata = File::open(path)
            .map_err(ParquetErrorKind::Io)
            .and_then(|mut file| footer::read(&mut file));
        let metadata = metadata.map_err(|kind| ParquetError::new(name, kind))?;
        let schema = metadata.file_metadata().schema_descr();
        let columns = schema.columns().to_vec();
        let meanings: Vec<_> = columns.iter().map(|column| Meaning::of(column)).collect();
        let groups = metadata.row_groups();
        let as_texts = meanings.iter().enumerate().map(|(index, meaning)| {
            let mut chunks =
                (groups.iter()).filter_map(|group| group.columns().get(index)?.statistics());
            chunks.any(|chunk| meaning.exceeds_f64(chunk))
        });
        let rows = groups
            .iter()
            .map(|group| u64::try_from(group.num_rows()).unwrap_or(0));
        let file = Self {
            path: path.to_owned(),
            name: name.to_owned(),
            fields: schema.root_schema().get_fields().to_vec(),
            as_texts: as_texts.collect(),
            rows: rows.collect(),
            number_texts: vec![Vec::new(); columns.len()],
            columns,
            meanings,
            metadata,
        };
        file.check_columns()?;
        file.check_chunks()?;
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

    /// Has the numbers of a column read as texts, which [`ParquetFile::kind`] does not say: as the
    /// first of all that were given for it answers. A column of texts stays as it is.
    pub fn read_numbers_as(&mut self, column: usize, text: NumberText) {
        if let Some(texts) = self.number_texts.get_mut(column) {
            texts.push(text);
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
        Group::open(self, index, wanted)
    }

    fn number_texts(&self, column: usize) -> NumberTexts {
        let physical = self.columns[column].physical_type();
        let has_point = matches!(self.meanings[column], Meaning::Decimal(1..));
        let is_number = matches!(self.kind(column), Ok(ColumnKind::Number));
        NumberTexts {
            texts: match is_number {
                true => self.number_texts[column].clone(),
                false => Vec::new(),
            },
            is_float: has_point || matches!(physical, Physical::FLOAT | Physical::DOUBLE),
        }
    }

    /// Clones of a file share its position, so each that reads opens the file itself.
    fn stored(&self) -> Result<File, ParquetError> {
        File::open(&self.path)
            .map_err(|error| ParquetError::new(&self.name, ParquetErrorKind::Io(error)))
    }

    fn check_columns(&self) -> Result<(), ParquetError> {
        let mut names = HashSet::new();
        for column in &self.columns {
            let kind = if column.path().parts().len() > 1 || column.max_rep_level() > 0 {
                ParquetErrorKind::Nested
            } else if names.insert(column.name()) {
                continue;
            } else {
                ParquetErrorKind::Twice
            };
            return Err(ParquetError::new(&self.name, kind).in_column(&column.path().string()));
        }
        Ok(())
    }

    fn check_chunks(&self) -> Result<(), ParquetError> {
        let groups = self.metadata.row_groups().iter();
        for chunk in groups.flat_map(|group| group.columns()) {
            // The library takes it for granted.
            let begin = chunk.dictionary_page_offset();
            let begin = begin.unwrap_or_else(|| chunk.data_page_offset());
            if begin < 0 || chunk.compressed_size() < 0 {
                let problem = "a column begins before the file does".to_owned();
                let kind = ParquetErrorKind::Damaged(problem);
                return Err(ParquetError::new(&self.name, kind));
            }
        }
        Ok(())
    }
}
