//! Rows that are read, decided and written together.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use model_core::cells::CellReader;
use model_core::decide::{Decider, Judgement};
use model_core::policy::Outcome;
use model_core::schema::Feature;
use model_files::csv::{Row, Table};

use super::ScoredPiece;
use super::error::ScoreError;
use super::layout::{Layout, OnInvalid};
use crate::applications::{adjustments, cell, reason_codes};
use crate::error::DataError;

/// Rows that are scored together.
const ROWS: usize = 2048;

/// Rows that have been read and wait for their scores.
pub(super) struct Block<'s> {
    layout: &'s Layout<'s>,
    readers: Vec<CellReader<'s>>,
    /// Field `i` of row `r` is at `i * ROWS + r`.
    values: Vec<f64>,
    rows: Vec<Waiting>,
    /// The rows' bytes, one after the other.
    raw: Vec<u8>,
    /// What is added to the rows, one after the other, and where that of each ends; nothing
    /// for a row that is refused.
    added: Vec<u8>,
    added_ends: Vec<usize>,
    /// Of each row, whether a value was adjusted.
    adjusted: Vec<bool>,
    refused_rows: u64,
    /// Bytes of the longest piece so far, scored.
    longest: usize,
}

/// A row that waits for its decision.
struct Waiting {
    line: u64,
    /// Where its bytes end in `raw`.
    end: usize,
    /// Whether a cell of it cannot be read.
    invalid: bool,
}

impl<'s> Block<'s> {
    pub(super) fn new(layout: &'s Layout<'s>) -> Self {
        let fields = layout.fields.iter();
        Self {
            layout,
            readers: fields
                .map(|field| field.reader(layout.missing_values))
                .collect(),
            values: vec![0.0; layout.fields.len() * ROWS],
            rows: Vec::with_capacity(ROWS),
            raw: Vec::new(),
            added: Vec::new(),
            added_ends: Vec::with_capacity(ROWS),
            adjusted: Vec::with_capacity(ROWS),
            refused_rows: 0,
            longest: 0,
        }
    }

    /// Scores the rows of a table.
    pub(super) fn score<R: Read>(
        &mut self,
        table: &mut Table<R>,
        decider: &mut Decider,
    ) -> ScoredPiece {
        let mut scored = ScoredPiece {
            // Pieces are much alike.
            text: Vec::with_capacity(self.longest),
            ..ScoredPiece::default()
        };
        let mut more = true;
        self.refused_rows = 0;
        while more && scored.end.is_ok() {
            let bad_row = self.fill(table, &mut more).err();
            scored.end = match (self.decide(decider, &mut scored.text), bad_row) {
                (Ok(()), Some(error)) => Err(error.into()),
                (end, _) => end,
            };
            scored.rows += self.rows.len() as u64;
        }
        self.longest = self.longest.max(scored.text.len());
        scored.refused_rows = self.refused_rows;
        scored
    }

    /// Reads rows until the block is full, the file ends, or a row is an error; the rows
    /// before that one are in the block.
    fn fill<R: Read>(&mut self, table: &mut Table<R>, more: &mut bool) -> Result<(), DataError> {
        self.rows.clear();
        self.raw.clear();
        while self.rows.len() < ROWS {
            let Some(row) = table.next_row()? else {
                *more = false;
                break;
            };
            let invalid = match self.read_row(&row) {
                Ok(()) => false,
                Err(error) if self.layout.on_invalid == OnInvalid::Stop => return Err(error),
                Err(_) => true,
            };
            self.raw.extend_from_slice(row.raw);
            self.rows.push(Waiting {
                line: row.line,
                end: self.raw.len(),
                invalid,
            });
        }
        Ok(())
    }

    fn read_row(&mut self, row: &Row<'_>) -> Result<(), DataError> {
        let slot = self.rows.len();
        let layout = self.layout;
        let fields = layout.fields.iter().zip(&mut self.readers);
        for (index, (field, reader)) in fields.enumerate() {
            let cell = field.column.map_or("", |column| row.field(column));
            let value = field.read(reader, cell);
            self.values[index * ROWS + slot] = value.map_err(|error| {
                DataError::invalid_value(layout.file, row.line, &field.feature.name, error, cell)
            })?;
        }
        Ok(())
    }

    /// Decides the rows of the block and writes them.
    fn decide(&mut self, decider: &mut Decider, out: &mut Vec<u8>) -> Result<(), ScoreError> {
        self.judge(decider)?;
        let layout = self.layout;
        let (mut start, mut added_start) = (0, 0);
        for slot in 0..self.rows.len() {
            let row = &self.rows[slot];
            let added = &self.added[added_start..self.added_ends[slot]];
            added_start = self.added_ends[slot];
            let raw = &self.raw[start..row.end];
            start = row.end;
            if !row.invalid && !added.is_empty() {
                out.extend_from_slice(raw);
                out.extend_from_slice(added);
                if layout.columns.reasons {
                    let codes = reason_codes(decider, self.values_of(slot));
                    write!(out, ",{}", cell(&codes))?;
                }
                out.push(b',');
                if self.adjusted[slot] {
                    let adjusted = adjustments(decider, self.values_of(slot));
                    out.extend_from_slice(cell(&adjusted).as_bytes());
                }
                out.push(b',');
                out.extend_from_slice(layout.version.as_bytes());
            } else if layout.on_invalid == OnInvalid::Blank {
                out.extend_from_slice(raw);
                let columns = layout.columns.names().count();
                out.extend(std::iter::repeat_n(b',', columns));
                self.refused_rows += 1;
            } else {
                return Err(self.refused(decider, slot));
            }
            out.extend_from_slice(layout.line_end.as_bytes());
        }
        Ok(())
    }

    /// Writes down what is added to each row.
    fn judge(&mut self, decider: &mut Decider) -> Result<(), ScoreError> {
        self.added.clear();
        self.added_ends.clear();
        self.adjusted.clear();
        let (added, ends) = (&mut self.added, &mut self.added_ends);
        let adjusted = &mut self.adjusted;
        let waiting = self.rows.len();
        let columns = self.values.chunks_exact(ROWS);
        let values: Cow<'_, [f64]> = match waiting {
            ROWS => Cow::Borrowed(&self.values),
            // The last block of a piece: nothing is predicted that nobody reads.
            _ => columns
                .flat_map(|column| &column[..waiting])
                .copied()
                .collect(),
        };
        let mut failed = Ok(());
        decider
            .judge_rows(&values, waiting, |slot, judgement, decider| {
                if let Some(judgement) = judgement {
                    let rules = self.layout.columns.rules.then_some(decider);
                    let written = add(added, judgement, rules);
                    failed = std::mem::replace(&mut failed, Ok(())).and(written);
                }
                ends.push(added.len());
                adjusted.push(decider.adjusted_values(slot) > 0);
            })
            .map_err(ScoreError::Model)?;
        Ok(failed?)
    }

    /// The fields of a row and their values in the model's terms.
    fn values_of(&self, slot: usize) -> impl Iterator<Item = (&Feature, f64)> {
        let fields = self.layout.fields.iter().enumerate();
        fields.map(move |(index, field)| (field.feature, self.values[index * ROWS + slot]))
    }

    fn refused(&self, decider: &mut Decider, slot: usize) -> ScoreError {
        let line = self.rows[slot].line;
        self.layout.refused(decider, line, self.values_of(slot))
    }
}

/// Writes the cells of a row; `rules` knows which rules matched, where there is a policy.
fn add(out: &mut Vec<u8>, judgement: Judgement, rules: Option<&Decider>) -> io::Result<()> {
    out.push(b',');
    // The same digits as in a decision's JSON.
    serde_json::to_writer(&mut *out, &judgement.probability)?;
    let approves = judgement.outcome == Outcome::Approve;
    out.extend_from_slice(if approves { b",1," } else { b",0," });
    out.extend_from_slice(judgement.outcome.word().as_bytes());
    if let Some(decider) = rules {
        out.push(b',');
        // A code has neither commas nor quotes nor semicolons.
        out.extend_from_slice(matched(decider).as_bytes());
    }
    Ok(())
}

/// The codes of the rules that matched, separated by semicolons.
pub(super) fn matched(decider: &Decider) -> String {
    let mut codes = String::new();
    for code in decider.matched_codes() {
        if !codes.is_empty() {
            codes.push(';');
        }
        codes.push_str(code);
    }
    codes
}
