//! From Parquet to Parquet: row groups are scored on several threads, the columns of the file
//! are copied as they are stored.

use std::io::Write;

use model_core::cells::CellReader;
use model_core::decide::{Decider, Judgement};
use model_core::policy::Outcome;
use model_core::schema::{Feature, FeatureKind};
use model_drift::read::read_numbers_as_json;
use model_files::block::{Block, Cells};
use model_files::csv::Pieces;
use model_files::parquet::{
    Encoded, NewCells, NewColumn, ParquetFile, ParquetWriter, Words, header_text,
};

use super::block::matched;
use super::error::ScoreError;
use super::layout::{Choices, Field, Layout, OnInvalid};
use super::{Progress, jobs, not_loaded};
use crate::applications::{adjustments, reason_codes};
use crate::deciders::Deciders;
use crate::error::DataError;
use crate::parallel::in_order;

/// Rows that are decided together.
const ROWS: usize = 2048;

/// Scores every row of a Parquet file as [`score`](super::score) does, into another: its columns
/// are copied byte for byte, of whatever type they are, and those that are added are
/// `probability`, a `DOUBLE`, `prediction`, an `INT32`, and texts. A row's line, in errors, is its
/// number and one for a header. `target` is what errors call the sink.
///
/// Row groups are scored on all processors and written in their order. What is added to a row
/// group for each processor, and to one more, is in memory at a time.
///
/// # Errors
/// As [`score`](super::score).
pub fn score_parquet(
    decider: &mut Decider,
    mut file: ParquetFile,
    (sink, target): (impl Write + Send, &str),
    choices: Choices,
    mut progress: impl FnMut(Progress),
) -> Result<u64, ScoreError> {
    let schema = decider.artifact().schema.clone();
    read_numbers_as_json(&mut file, &schema);
    let file = &file;
    let header = header_text(file);
    let pieces = Pieces::open(header.as_slice(), file.name()).map_err(DataError::from)?;
    let layout = Layout::new(decider, &schema, pieces.head(), choices)?;
    let columns: Vec<NewColumn> = layout.columns.new_columns().collect();
    let scoring = Scoring {
        file,
        layout: &layout,
        columns: &columns,
    };
    let mut writer = ParquetWriter::create(sink, target, Some(file), &columns)?;
    let deciders = Deciders::default();
    let encoded = deciders.of(decider).map_err(not_loaded)?;
    let (mut rows, mut refused_rows) = (0, 0);
    let worker = |_| {
        |(group, first)| {
            let score = |decider: &mut Decider| scoring.group(group, first, decider);
            let scored = deciders.with(encoded, score).map_err(not_loaded)?;
            scored.map(|(added, refused)| (group, added, refused))
        }
    };
    let mut groups = file.group_rows().iter().enumerate();
    let mut before = 0;
    let next = || {
        Ok(groups.next().map(|(group, rows)| {
            before += rows;
            (group, before - rows)
        }))
    };
    let done = |scored: Result<(usize, Encoded, u64), ScoreError>| {
        let (group, added, refused) = scored?;
        writer.push(group, &added)?;
        rows += file.group_rows()[group];
        refused_rows += refused;
        progress(Progress { bytes: 0, rows });
        Ok::<(), ScoreError>(())
    };
    let workers = (0..jobs()).map(worker).collect();
    in_order(jobs() + 1, workers, next, done)?;
    writer.finish()?;
    Ok(refused_rows)
}

/// What is the same for all row groups.
struct Scoring<'s> {
    file: &'s ParquetFile,
    layout: &'s Layout<'s>,
    columns: &'s [NewColumn],
}

/// What some rows of a row group come to.
struct Rows<'s> {
    layout: &'s Layout<'s>,
    /// The line of the first.
    line: u64,
    count: usize,
    /// Field `i` of row `r` is at `i * count + r`.
    values: Vec<f64>,
    /// The first that cannot be read, and why.
    unreadable: Option<(usize, DataError)>,
    invalid: Vec<bool>,
}

/// What is added to the rows of a row group.
#[derive(Default)]
struct Added {
    probability: Vec<f64>,
    prediction: Vec<Option<i8>>,
    outcome: Words,
    rules: Words,
    reasons: Words,
    adjustments: Words,
    version: Words,
    refused_rows: u64,
}

impl Scoring<'_> {
    /// Scores a row group; answers what is added to it, and how many rows were refused.
    fn group(
        &self,
        group: usize,
        first: u64,
        decider: &mut Decider,
    ) -> Result<(Encoded, u64), ScoreError> {
        let fields = &self.layout.fields;
        let is_read = |column| fields.iter().any(|field| field.column == Some(column));
        let mut blocks = self.file.group(group, is_read)?;
        let mut readers: Vec<CellReader<'_>> = (fields.iter())
            .map(|field| field.reader(self.layout.missing_values))
            .collect();
        let mut added = Added::default();
        let mut line = first + 2;
        while let Some(block) = blocks.next_block()? {
            for start in (0..block.rows).step_by(ROWS) {
                let count = ROWS.min(block.rows - start);
                let rows = self.read(block, start, count, line, &mut readers);
                added.push(rows, decider)?;
                line += count as u64;
            }
        }
        let refused_rows = added.refused_rows;
        let cells = added.finish(self.layout);
        Ok((Encoded::new(self.columns, &cells)?, refused_rows))
    }

    fn read(
        &self,
        block: &Block,
        start: usize,
        count: usize,
        line: u64,
        readers: &mut [CellReader<'_>],
    ) -> Rows<'_> {
        let fields = &self.layout.fields;
        let mut rows = Rows {
            layout: self.layout,
            line,
            count,
            values: Vec::with_capacity(fields.len() * count),
            unreadable: None,
            invalid: vec![false; count],
        };
        for (field, reader) in fields.iter().zip(readers) {
            let cells = field.column.and_then(|column| block.columns.get(column));
            for row in start..start + count {
                match cells {
                    Some(Cells::Numbers(numbers)) if self.is_plain(field, numbers[row]) => {
                        rows.values.push(numbers[row]);
                    }
                    Some(Cells::Numbers(numbers)) if numbers[row].is_nan() => {
                        rows.push(field, "", row - start, reader);
                    }
                    Some(Cells::Numbers(numbers)) => {
                        rows.push(field, &numbers[row].to_string(), row - start, reader);
                    }
                    Some(Cells::Texts(texts)) => {
                        rows.push(field, texts.get(row), row - start, reader);
                    }
                    Some(Cells::Skipped) | None => rows.push(field, "", row - start, reader),
                }
            }
        }
        rows
    }

    /// Whether a number is its own value: no policy, and no word for missing, has a say.
    fn is_plain(&self, field: &Field<'_>, number: f64) -> bool {
        let fits = match &field.feature.kind {
            FeatureKind::Number(range) => range.contains(number),
            FeatureKind::Integer(range) => range.contains(number) && number.trunc() == number,
            FeatureKind::Boolean | FeatureKind::Category(_) => false,
        };
        fits && number.abs() < 1e15 && !self.layout.missing_values.has_number(number)
    }
}

impl Rows<'_> {
    fn push(&mut self, field: &Field<'_>, cell: &str, slot: usize, reader: &mut CellReader<'_>) {
        match field.read(reader, cell) {
            Ok(value) => self.values.push(value),
            Err(error) => {
                self.values.push(f64::NAN);
                self.invalid[slot] = true;
                if (self.unreadable.as_ref()).is_none_or(|(earlier, _)| slot < *earlier) {
                    let (file, line) = (self.layout.file, self.line + slot as u64);
                    let name = &field.feature.name;
                    let error = DataError::invalid_value(file, line, name, error, cell);
                    self.unreadable = Some((slot, error));
                }
            }
        }
    }

    /// The fields of a row and their values in the model's terms.
    fn values_of(&self, slot: usize) -> impl Iterator<Item = (&Feature, f64)> {
        let fields = self.layout.fields.iter().enumerate();
        fields.map(move |(index, field)| (field.feature, self.values[index * self.count + slot]))
    }
}

impl Added {
    /// Decides rows.
    fn push(&mut self, mut rows: Rows<'_>, decider: &mut Decider) -> Result<(), ScoreError> {
        let mut judged: Vec<Option<bool>> = Vec::with_capacity(rows.count);
        decider
            .judge_rows(&rows.values, rows.count, |slot, judgement, decider| {
                let judgement = judgement.filter(|_| !rows.invalid[slot]);
                self.judged(judgement, rows.layout.columns.rules.then_some(decider));
                judged.push(judgement.map(|_| decider.adjusted_values(slot) > 0));
            })
            .map_err(ScoreError::Model)?;
        for (slot, judged) in judged.into_iter().enumerate() {
            let Some(is_adjusted) = judged else {
                if rows.layout.on_invalid == OnInvalid::Blank {
                    self.blank();
                    continue;
                }
                return Err(match rows.unreadable.take() {
                    Some((unreadable, error)) if unreadable == slot => error.into(),
                    _ => {
                        let line = rows.line + slot as u64;
                        rows.layout.refused(decider, line, rows.values_of(slot))
                    }
                });
            };
            if rows.layout.columns.reasons {
                self.reasons
                    .push(&reason_codes(decider, rows.values_of(slot)));
            }
            self.adjustments.push(&match is_adjusted {
                true => adjustments(decider, rows.values_of(slot)),
                false => String::new(),
            });
            self.version.push(rows.layout.version);
        }
        Ok(())
    }

    fn judged(&mut self, judgement: Option<Judgement>, rules: Option<&Decider>) {
        let probability = judgement.map(|judgement| judgement.probability);
        self.probability.push(probability.unwrap_or(f64::NAN));
        let approves = judgement.map(|judgement| judgement.outcome == Outcome::Approve);
        self.prediction.push(approves.map(i8::from));
        let outcome = judgement.map(|judgement| judgement.outcome.word());
        self.outcome.push(outcome.unwrap_or_default());
        if let Some(decider) = rules {
            let matched = judgement.map(|_| matched(decider));
            self.rules.push(&matched.unwrap_or_default());
        }
    }

    /// The rest of a row that is refused.
    fn blank(&mut self) {
        self.reasons.push("");
        self.adjustments.push("");
        self.version.push("");
        self.refused_rows += 1;
    }

    /// The cells of the columns, in their order.
    fn finish(self, layout: &Layout<'_>) -> Vec<NewCells> {
        let mut cells = vec![
            NewCells::Floats(self.probability),
            NewCells::Integers(self.prediction),
            NewCells::Words(self.outcome),
        ];
        if layout.columns.rules {
            cells.push(NewCells::Words(self.rules));
        }
        if layout.columns.reasons {
            cells.push(NewCells::Words(self.reasons));
        }
        cells.push(NewCells::Words(self.adjustments));
        cells.push(NewCells::Words(self.version));
        cells
    }
}
