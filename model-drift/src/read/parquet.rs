//! Parquet, without Arrow: row groups on several threads, in blocks of rows.

use std::fs::File;
use std::path::Path;

use parquet::basic::{ConvertedType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::ColumnDescPtr;
use rayon::prelude::*;

use super::{
    BLOCK_ROWS, Batch, Block, Cells, Collector, Layout, OnBlock, Plan, ReadError, ReadErrorKind,
    Texts, specs_of_kinds,
};
use crate::sketch::Kind;

pub(super) fn read(
    path: &Path,
    name: &str,
    plan: &Plan,
    on_block: OnBlock<'_>,
) -> Result<Batch, ReadError> {
    let reader = open(path, name)?;
    let columns = columns(&reader, name)?;
    let header: Vec<String> = columns
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    let wanted = match &plan.specs {
        Some(specs) => specs.clone(),
        None => {
            let kinds = columns.iter().map(|column| kind(column, name));
            specs_of_kinds(&header, kinds.collect::<Result<_, _>>()?)
        }
    };
    let layout = Layout::new(&header, wanted);
    let start = || {
        Collector::new(
            layout.specs.clone(),
            plan.missing.clone(),
            plan.capacity,
            plan.sample_rows,
        )
    };
    let groups = reader.metadata().row_groups();
    let mut first = 0;
    let mut starts = Vec::with_capacity(groups.len());
    for group in groups {
        starts.push(first);
        first += u64::try_from(group.num_rows()).unwrap_or(0);
    }
    let collector = (0..groups.len())
        .into_par_iter()
        .try_fold(start, |mut collector, group| {
            // Clones of a file share its position, so each group opens the file itself.
            let own = open(path, name)?;
            let group_reader = own.get_row_group(group).map_err(|e| problem(name, &e))?;
            let mut rows = Group::open(group_reader.as_ref(), &columns, &layout, name)?;
            let mut first = starts[group];
            while let Some(block) = rows.next()? {
                let read = block.rows as u64;
                if let Some(one_in) = plan.keep_one_in {
                    block.keep(one_in, first);
                }
                // Strict collectors alone can refuse.
                let _ = collector.push(block, &layout.indices, first);
                on_block(&layout.shown(block))
                    .map_err(|problem| ReadError::new(name, ReadErrorKind::Other(problem)))?;
                first += read;
            }
            Ok::<_, ReadError>(collector)
        })
        .try_reduce(start, |mut one, other| {
            let merged = one.merge(other);
            merged
                .map_err(|error| ReadError::new(name, ReadErrorKind::Other(error.to_string())))?;
            Ok(one)
        })?;
    layout.finish(name, collector)
}

fn open(path: &Path, name: &str) -> Result<SerializedFileReader<File>, ReadError> {
    let file = File::open(path).map_err(|error| ReadError::io(name, error))?;
    SerializedFileReader::new(file).map_err(|error| problem(name, &error))
}

fn problem(name: &str, error: &ParquetError) -> ReadError {
    let text = error.to_string();
    let text =
        format!("the Parquet file cannot be read ({text}): the file may be truncated or damaged");
    ReadError::new(name, ReadErrorKind::Parquet(text))
}

fn columns(
    reader: &SerializedFileReader<File>,
    name: &str,
) -> Result<Vec<ColumnDescPtr>, ReadError> {
    let columns = reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .columns()
        .to_vec();
    let refused = |column: &ColumnDescPtr, kind| {
        Err(ReadError::new(name, kind).in_column(&column.path().string()))
    };
    for (index, column) in columns.iter().enumerate() {
        if column.path().parts().len() > 1 || column.max_rep_level() > 0 {
            let text = "nested and repeated columns cannot be compared: write one value a row";
            return refused(column, ReadErrorKind::Parquet(text.to_owned()));
        }
        if columns[..index]
            .iter()
            .any(|other| other.name() == column.name())
        {
            return refused(column, ReadErrorKind::Twice);
        }
    }
    Ok(columns)
}

fn kind(column: &ColumnDescPtr, name: &str) -> Result<Kind, ReadError> {
    match column.physical_type() {
        Physical::INT32 | Physical::INT64 | Physical::FLOAT | Physical::DOUBLE => Ok(Kind::Number),
        Physical::BOOLEAN | Physical::BYTE_ARRAY => Ok(Kind::Category),
        other => {
            let text =
                format!("the Parquet type {other} cannot be compared: write numbers or texts");
            Err(ReadError::new(name, ReadErrorKind::Parquet(text)).in_column(column.name()))
        }
    }
}

/// The rows of one row group.
struct Group<'a> {
    name: &'a str,
    columns: Vec<Option<Open>>,
    block: Block,
    left: usize,
    levels: Vec<i16>,
}

/// A column that is being read.
struct Open {
    name: String,
    reader: ColumnReader,
    optional: bool,
    /// What an integer is divided by when it stands for a decimal.
    divisor: f64,
}

impl<'a> Group<'a> {
    fn open(
        group: &dyn RowGroupReader,
        columns: &[ColumnDescPtr],
        layout: &Layout,
        name: &'a str,
    ) -> Result<Self, ReadError> {
        let open = |(index, column): (usize, &ColumnDescPtr)| {
            if !layout.indices.contains(&Some(index)) {
                return Ok::<_, ReadError>(None);
            }
            kind(column, name)?;
            let reader = group
                .get_column_reader(index)
                .map_err(|e| problem(name, &e))?;
            let decimal = column.converted_type() == ConvertedType::DECIMAL;
            Ok(Some(Open {
                name: column.name().to_owned(),
                reader,
                optional: column.max_def_level() > 0,
                divisor: if decimal {
                    10f64.powi(column.type_scale())
                } else {
                    1.0
                },
            }))
        };
        Ok(Self {
            name,
            columns: columns
                .iter()
                .enumerate()
                .map(open)
                .collect::<Result<_, _>>()?,
            block: Block::default(),
            left: usize::try_from(group.metadata().num_rows()).unwrap_or(0),
            levels: Vec::new(),
        })
    }

    fn next(&mut self) -> Result<Option<&mut Block>, ReadError> {
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
            open.fill(cells, rows, &mut self.levels)
                .map_err(|error| problem(self.name, &error).in_column(&open.name))?;
        }
        Ok(Some(&mut self.block))
    }
}

impl Open {
    fn fill(
        &mut self,
        cells: &mut Cells,
        rows: usize,
        levels: &mut Vec<i16>,
    ) -> Result<(), ParquetError> {
        let (optional, divisor) = (self.optional, self.divisor);
        let mut read = Read {
            rows,
            optional,
            levels,
        };
        match &mut self.reader {
            ColumnReader::DoubleColumnReader(reader) => read.numbers(reader, cells, |v| v),
            ColumnReader::FloatColumnReader(reader) => read.numbers(reader, cells, f64::from),
            ColumnReader::Int32ColumnReader(reader) => {
                read.numbers(reader, cells, |v| f64::from(v) / divisor)
            }
            ColumnReader::Int64ColumnReader(reader) => {
                read.numbers(reader, cells, |v| v as f64 / divisor)
            }
            ColumnReader::BoolColumnReader(reader) => read.texts(reader, cells, |yes, texts| {
                texts.push(if *yes { "true" } else { "false" });
                Ok(())
            }),
            ColumnReader::ByteArrayColumnReader(reader) => {
                read.texts(reader, cells, |bytes: &ByteArray, texts| {
                    let text = std::str::from_utf8(bytes.data());
                    texts.push(
                        text.map_err(|_| ParquetError::General("a text is not UTF-8".to_owned()))?,
                    );
                    Ok(())
                })
            }
            _ => Err(ParquetError::General(
                "the type cannot be compared".to_owned(),
            )),
        }
    }
}

struct Read<'a> {
    rows: usize,
    optional: bool,
    levels: &'a mut Vec<i16>,
}

impl Read<'_> {
    /// The values that are there; for each row whether it has one is in `levels`.
    fn values<T: DataType>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
    ) -> Result<Vec<T::T>, ParquetError> {
        self.levels.clear();
        let mut values = Vec::with_capacity(self.rows);
        let mut read = 0;
        while read < self.rows {
            let levels = self.optional.then_some(&mut *self.levels);
            let (records, _, _) =
                reader.read_records(self.rows - read, levels, None, &mut values)?;
            if records == 0 {
                return Err(ParquetError::EOF(
                    "a column ends before its rows do".to_owned(),
                ));
            }
            read += records;
        }
        Ok(values)
    }

    fn numbers<T: DataType>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        cells: &mut Cells,
        number: impl Fn(T::T) -> f64,
    ) -> Result<(), ParquetError> {
        let mut values = self.values(reader)?.into_iter().map(number);
        if !matches!(cells, Cells::Numbers(_)) {
            *cells = Cells::Numbers(Vec::new());
        }
        let Cells::Numbers(numbers) = cells else {
            return Ok(());
        };
        numbers.clear();
        if self.optional {
            let of_level = |level: &i16| if *level > 0 { values.next() } else { None };
            numbers.extend(
                self.levels
                    .iter()
                    .map(of_level)
                    .map(|v| v.unwrap_or(f64::NAN)),
            );
        } else {
            numbers.extend(values);
        }
        Ok(())
    }

    fn texts<T: DataType>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        cells: &mut Cells,
        push: impl Fn(&T::T, &mut Texts) -> Result<(), ParquetError>,
    ) -> Result<(), ParquetError> {
        let values = self.values(reader)?;
        if !matches!(cells, Cells::Texts(_)) {
            *cells = Cells::Texts(Texts::default());
        }
        let Cells::Texts(texts) = cells else {
            return Ok(());
        };
        texts.clear();
        if !self.optional {
            return values.iter().try_for_each(|value| push(value, texts));
        }
        let mut values = values.iter();
        for level in &*self.levels {
            let value = if *level > 0 { values.next() } else { None };
            match value {
                Some(value) => push(value, texts)?,
                None => texts.push(""),
            }
        }
        Ok(())
    }
}
