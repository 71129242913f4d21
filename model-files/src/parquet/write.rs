//! Writing Parquet: row group after row group, each with columns of another file as they are
//! stored there, and with new ones.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter};
use parquet::errors::ParquetError as LibraryError;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::cells::{NewCells, NewColumn, NewKind};
use super::{ParquetError, ParquetErrorKind, ParquetFile};

/// Rows whose cells are handed to the library at once.
const ROWS: usize = 8192;

/// A Parquet file that is written.
pub struct ParquetWriter<'f, W: Write + Send> {
    name: String,
    writer: SerializedFileWriter<W>,
    from: Option<&'f ParquetFile>,
}

/// New columns of one row group, encoded.
pub struct Encoded {
    bytes: Bytes,
    chunks: Vec<ColumnCloseResult>,
    rows: u64,
}

impl Encoded {
    /// Encodes columns, which may be done on any thread.
    ///
    /// # Errors
    /// When the columns have different numbers of rows.
    pub fn new(columns: &[NewColumn], cells: &[NewCells]) -> Result<Self, ParquetError> {
        let encoded = Self::of(columns, cells);
        encoded.map_err(|error| cannot_write("the new columns", &error))
    }

    fn of(columns: &[NewColumn], cells: &[NewCells]) -> Result<Self, LibraryError> {
        let fields = fields(columns)?;
        let mut writer = SerializedFileWriter::new(Vec::new(), schema(fields)?, properties())?;
        let mut group = writer.next_row_group()?;
        for cells in cells {
            let Some(mut column) = group.next_column()? else {
                break;
            };
            write_cells(column.untyped(), cells)?;
            column.close()?;
        }
        let metadata = group.close()?;
        Ok(Self {
            chunks: chunks(&metadata),
            rows: u64::try_from(metadata.num_rows()).unwrap_or(0),
            bytes: Bytes::from(writer.into_inner()?),
        })
    }
}

impl<'f, W: Write + Send> ParquetWriter<'f, W> {
    /// Begins a file with the columns of another, if there is one, and then new ones. `name` is
    /// what errors call it. What `from` says of itself beside its columns is left out: it may
    /// say that there are no others.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(
        sink: W,
        name: &str,
        from: Option<&'f ParquetFile>,
        columns: &[NewColumn],
    ) -> Result<Self, ParquetError> {
        let open = || {
            let own = from.map_or(&[][..], |file| &file.fields);
            let fields = own.iter().cloned().chain(fields(columns)?).collect();
            SerializedFileWriter::new(sink, schema(fields)?, properties())
        };
        Ok(Self {
            writer: open().map_err(|error| cannot_write(name, &error))?,
            name: name.to_owned(),
            from,
        })
    }

    /// Adds a row group: row group `index` of the other file, copied byte for byte, and the new
    /// columns beside it.
    ///
    /// # Errors
    /// When the two have different numbers of rows, or it cannot be written.
    pub fn push(&mut self, index: usize, new: &Encoded) -> Result<(), ParquetError> {
        let copied = match self.from {
            Some(file) => Some((file.stored()?, file.metadata.row_group(index))),
            None => None,
        };
        let mut write = || {
            let mut group = self.writer.next_row_group()?;
            if let Some((bytes, stored)) = &copied {
                append(&mut group, bytes, chunks(stored))?;
            }
            let chunks = new
                .chunks
                .iter()
                .map(|chunk| copy_of(&chunk.metadata, new.rows));
            append(&mut group, &new.bytes, chunks.collect())?;
            group.close()
        };
        write().map_err(|error| cannot_write(&self.name, &error))?;
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<(), ParquetError> {
        let finished = self.writer.close();
        finished.map_err(|error| cannot_write(&self.name, &error))?;
        Ok(())
    }
}

fn cannot_write(name: &str, error: &LibraryError) -> ParquetError {
    ParquetError::new(name, ParquetErrorKind::Write(error.to_string()))
}

fn properties() -> WriterPropertiesPtr {
    let properties = WriterProperties::builder()
        .set_created_by(concat!("underwrite ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::SNAPPY);
    Arc::new(properties.build())
}

fn schema(fields: Vec<TypePtr>) -> Result<TypePtr, LibraryError> {
    let schema = Type::group_type_builder("schema").with_fields(fields);
    Ok(Arc::new(schema.build()?))
}

fn fields(columns: &[NewColumn]) -> Result<Vec<TypePtr>, LibraryError> {
    let field = |column: &NewColumn| {
        let physical = match column.kind {
            NewKind::Float64 => Physical::DOUBLE,
            NewKind::Int32 => Physical::INT32,
            NewKind::Text => Physical::BYTE_ARRAY,
        };
        let field = Type::primitive_type_builder(&column.name, physical)
            .with_repetition(Repetition::OPTIONAL);
        let field = match column.kind {
            NewKind::Text => field
                .with_converted_type(ConvertedType::UTF8)
                .with_logical_type(Some(LogicalType::String)),
            NewKind::Float64 | NewKind::Int32 => field,
        };
        Ok(Arc::new(field.build()?))
    };
    columns.iter().map(field).collect()
}

fn chunks(group: &RowGroupMetaData) -> Vec<ColumnCloseResult> {
    let rows = u64::try_from(group.num_rows()).unwrap_or(0);
    let chunks = group.columns().iter();
    chunks.map(|chunk| copy_of(chunk, rows)).collect()
}

/// A column chunk as if it had just been written. The indices of its pages are left out: they
/// say where the pages were.
fn copy_of(chunk: &ColumnChunkMetaData, rows: u64) -> ColumnCloseResult {
    ColumnCloseResult {
        bytes_written: u64::try_from(chunk.compressed_size()).unwrap_or(0),
        rows_written: rows,
        metadata: chunk.clone(),
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    }
}

fn append<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    bytes: &impl parquet::file::reader::ChunkReader,
    chunks: Vec<ColumnCloseResult>,
) -> Result<(), LibraryError> {
    chunks
        .into_iter()
        .try_for_each(|chunk| group.append_column(bytes, chunk))
}

fn write_cells(column: &mut ColumnWriter<'_>, cells: &NewCells) -> Result<(), LibraryError> {
    let mut levels = Vec::with_capacity(ROWS);
    match (column, cells) {
        (ColumnWriter::DoubleColumnWriter(writer), NewCells::Floats(numbers)) => {
            for numbers in numbers.chunks(ROWS) {
                let present = numbers.iter().filter(|number| !number.is_nan());
                let present: Vec<f64> = present.copied().collect();
                levels.clear();
                levels.extend(numbers.iter().map(|number| i16::from(!number.is_nan())));
                writer.write_batch(&present, Some(&levels), None)?;
            }
        }
        (ColumnWriter::Int32ColumnWriter(writer), NewCells::Integers(integers)) => {
            for integers in integers.chunks(ROWS) {
                let present = integers.iter().flatten();
                let present: Vec<i32> = present.copied().map(i32::from).collect();
                levels.clear();
                levels.extend(integers.iter().map(|integer| i16::from(integer.is_some())));
                writer.write_batch(&present, Some(&levels), None)?;
            }
        }
        (ColumnWriter::ByteArrayColumnWriter(writer), NewCells::Words(words)) => {
            for rows in words.rows.chunks(ROWS) {
                let present = rows.iter().filter_map(|row| (*row as usize).checked_sub(1));
                let present: Vec<_> = present.map(|word| words.words[word].clone()).collect();
                levels.clear();
                levels.extend(rows.iter().map(|row| i16::from(*row > 0)));
                writer.write_batch(&present, Some(&levels), None)?;
            }
        }
        _ => {
            let message = "the cells of a column are not of its kind";
            return Err(LibraryError::General(message.to_owned()));
        }
    }
    Ok(())
}
