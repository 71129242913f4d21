//! One column of a row group, block by block.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError as LibraryError;

use super::error::LongRecord;
use super::meaning::Meaning;
use super::number_text::NumberTexts;
use crate::block::{Cells, Texts};
use crate::csv::MAX_RECORD;

/// A column that is being read.
pub(super) struct Open {
    pub(super) name: String,
    pub(super) reader: ColumnReader,
    pub(super) optional: bool,
    /// What its integers mean.
    pub(super) meaning: Meaning,
    /// Whether its 64-bit integers are texts in every block.
    pub(super) as_texts: bool,
    pub(super) number_texts: NumberTexts,
}

impl Open {
    /// Whether its cells may be of any length: [`Open::add`] reads it.
    pub(super) fn is_of_bytes(&self) -> bool {
        matches!(self.reader, ColumnReader::ByteArrayColumnReader(_))
    }

    /// Adds the texts of the next rows to those that are there, no more than `most` bytes.
    pub(super) fn add(
        &mut self,
        texts: &mut Texts,
        (rows, most): (usize, usize),
        levels: &mut Vec<i16>,
    ) -> Result<(), LibraryError> {
        let ColumnReader::ByteArrayColumnReader(reader) = &mut self.reader else {
            return Ok(());
        };
        let mut read = Read {
            rows,
            optional: self.optional,
            levels,
        };
        let values = read.values(reader)?;
        let length = values.iter().map(|value| value.data().len());
        if length.clone().any(|length| length > MAX_RECORD) || length.sum::<usize>() > most {
            return Err(LongRecord.into());
        }
        read.add_texts(&values, texts, |bytes: &ByteArray, texts| {
            let text = std::str::from_utf8(bytes.data());
            texts.push(text.map_err(|_| LibraryError::General("a text is not UTF-8".to_owned()))?);
            Ok(())
        })
    }

    /// Puts the next rows in the place of the last.
    pub(super) fn fill(
        &mut self,
        cells: &mut Cells,
        rows: usize,
        levels: &mut Vec<i16>,
    ) -> Result<(), LibraryError> {
        let mut read = Read {
            rows,
            optional: self.optional,
            levels,
        };
        let (meaning, divisor) = (self.meaning, self.meaning.divisor());
        let push = |value: &i64, texts: &mut Texts| {
            meaning.push(*value, texts);
            Ok(())
        };
        match &mut self.reader {
            ColumnReader::DoubleColumnReader(reader) => {
                let values = read.values(reader)?;
                read.numbers(values.into_iter(), cells);
            }
            ColumnReader::FloatColumnReader(reader) => {
                let values = read.values(reader)?;
                read.numbers(values.into_iter().map(f64::from), cells);
            }
            ColumnReader::Int32ColumnReader(reader) => {
                let values = read.values(reader)?.into_iter();
                if meaning.is_text() {
                    let values: Vec<_> = values.map(i64::from).collect();
                    return read.texts(&values, cells, push);
                }
                match meaning {
                    // The same bits, read without a sign.
                    Meaning::Unsigned => read.numbers(values.map(|v| f64::from(v as u32)), cells),
                    _ => read.numbers(values.map(|v| f64::from(v) / divisor), cells),
                }
            }
            ColumnReader::Int64ColumnReader(reader) => {
                let values = read.values(reader)?;
                if self.as_texts || !meaning.fit_f64(&values) {
                    return read.texts(&values, cells, push);
                }
                read.numbers(values.into_iter().map(|v| v as f64 / divisor), cells);
            }
            ColumnReader::BoolColumnReader(reader) => {
                let values = read.values(reader)?;
                return read.texts(&values, cells, |yes, texts| {
                    texts.push(if *yes { "true" } else { "false" });
                    Ok(())
                });
            }
            _ => return Err(LibraryError::General("the type cannot be read".to_owned())),
        }
        Ok(())
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
    ) -> Result<Vec<T::T>, LibraryError> {
        self.levels.clear();
        let mut values = Vec::with_capacity(self.rows);
        let mut read = 0;
        while read < self.rows {
            let levels = self.optional.then_some(&mut *self.levels);
            let (records, _, _) =
                reader.read_records(self.rows - read, levels, None, &mut values)?;
            if records == 0 {
                return Err(LibraryError::EOF(
                    "a column ends before its rows do".to_owned(),
                ));
            }
            read += records;
        }
        Ok(values)
    }

    fn numbers(&mut self, mut values: impl Iterator<Item = f64>, cells: &mut Cells) {
        if !matches!(cells, Cells::Numbers(_)) {
            *cells = Cells::Numbers(Vec::new());
        }
        let Cells::Numbers(numbers) = cells else {
            return;
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
    }

    fn texts<T>(
        &mut self,
        values: &[T],
        cells: &mut Cells,
        push: impl Fn(&T, &mut Texts) -> Result<(), LibraryError>,
    ) -> Result<(), LibraryError> {
        match emptied(cells) {
            Some(texts) => self.add_texts(values, texts, push),
            None => Ok(()),
        }
    }

    fn add_texts<T>(
        &mut self,
        values: &[T],
        texts: &mut Texts,
        push: impl Fn(&T, &mut Texts) -> Result<(), LibraryError>,
    ) -> Result<(), LibraryError> {
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

/// Cells as no texts yet.
pub(super) fn emptied(cells: &mut Cells) -> Option<&mut Texts> {
    if !matches!(cells, Cells::Texts(_)) {
        *cells = Cells::Texts(Texts::default());
    }
    let Cells::Texts(texts) = cells else {
        return None;
    };
    texts.clear();
    Some(texts)
}
