//! CSV, row by row.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, ErrorKind, ReaderBuilder};

use super::{
    BLOCK_ROWS, Batch, Block, Cells, Collector, Layout, OnBlock, Plan, ReadError, ReadErrorKind,
    Texts, unknown_kinds,
};
use crate::sketch::Kind;

/// Rows from which types are guessed; a later word makes a column one of texts.
const GUESS_ROWS: usize = BLOCK_ROWS;

pub(super) fn read(
    path: &Path,
    name: &str,
    plan: &Plan,
    texts: &[String],
    on_block: OnBlock<'_>,
) -> Result<Batch, ReadError> {
    let file = File::open(path).map_err(|error| ReadError::io(name, error))?;
    let mut rows = Rows::open(file, name)?;
    let mut block = Block::default();
    let mut more = rows.fill(&mut block, GUESS_ROWS)?;
    let wanted = match &plan.specs {
        Some(specs) => specs.clone(),
        None => unknown_kinds(
            &rows.header,
            kinds(&rows.header, &block, &plan.missing, texts),
        ),
    };
    let layout = Layout::new(&rows.header, wanted);
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
            block.keep(one_in, first);
        }
        collector
            .push(&block, &layout.places, first)
            .map_err(|word| {
                ReadError::new(name, ReadErrorKind::Word)
                    .at(first + word.row as u64 + 2)
                    .in_column(&layout.specs[word.column].name)
            })?;
        on_block(&layout.shown(&block))
            .map_err(|problem| ReadError::new(name, ReadErrorKind::Other(problem)))?;
        if !more {
            return layout.finish(name, collector);
        }
        first += read;
        more = rows.fill(&mut block, BLOCK_ROWS)?;
    }
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

struct Rows<'n, R> {
    name: &'n str,
    reader: csv::Reader<R>,
    header: Vec<String>,
    record: ByteRecord,
}

impl<'n, R: Read> Rows<'n, R> {
    fn open(source: R, name: &'n str) -> Result<Self, ReadError> {
        let mut reader = ReaderBuilder::new()
            .buffer_capacity(1 << 18)
            .from_reader(source);
        let header = reader
            .byte_headers()
            .map_err(|error| problem(name, error))?
            .clone();
        if header.is_empty() {
            return Err(ReadError::new(name, ReadErrorKind::Empty));
        }
        let mut names: Vec<String> = Vec::with_capacity(header.len());
        for field in &header {
            let text = std::str::from_utf8(field)
                .map_err(|_| ReadError::new(name, ReadErrorKind::NotUtf8).at(1))?
                .trim();
            if text.is_empty() {
                return Err(ReadError::new(name, ReadErrorKind::NoName).at(1));
            }
            if names.iter().any(|other| other == text) {
                return Err(ReadError::new(name, ReadErrorKind::Twice)
                    .at(1)
                    .in_column(text));
            }
            names.push(text.to_owned());
        }
        Ok(Self {
            name,
            reader,
            header: names,
            record: ByteRecord::new(),
        })
    }

    /// Reads up to `most` rows; whether there may be more.
    fn fill(&mut self, block: &mut Block, most: usize) -> Result<bool, ReadError> {
        block.rows = 0;
        block
            .columns
            .resize_with(self.header.len(), || Cells::Texts(Texts::default()));
        for cells in &mut block.columns {
            if let Cells::Texts(texts) = cells {
                texts.clear();
            }
        }
        while block.rows < most {
            let more = self.reader.read_byte_record(&mut self.record);
            if !more.map_err(|error| problem(self.name, error))? {
                return Ok(false);
            }
            let line = || self.record.position().map_or(0, csv::Position::line);
            for ((cells, field), name) in
                block.columns.iter_mut().zip(&self.record).zip(&self.header)
            {
                let text = std::str::from_utf8(field).map_err(|_| {
                    ReadError::new(self.name, ReadErrorKind::NotUtf8)
                        .at(line())
                        .in_column(name)
                })?;
                if let Cells::Texts(texts) = cells {
                    texts.push(text);
                }
            }
            block.rows += 1;
        }
        Ok(true)
    }
}

fn problem(name: &str, error: csv::Error) -> ReadError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) => ReadError::io(name, error),
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            let kind = ReadErrorKind::Fields {
                expected: expected_len,
                found: len,
            };
            ReadError::new(name, kind).at(line)
        }
        ErrorKind::Utf8 { .. } => ReadError::new(name, ReadErrorKind::NotUtf8).at(line),
        other => ReadError::new(name, ReadErrorKind::Other(format!("{other:?}"))).at(line),
    }
}
