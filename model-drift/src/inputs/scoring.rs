//! Scoring the rows of a batch while it is read: the scores are compared like a column, and
//! measured against the labels where there are some.

use std::sync::{Arc, Mutex, PoisonError};

use model_core::cells::CellReader;
use model_core::decide::{Decider, REFUSED};
use model_core::schema::{Feature, MissingValues, Schema, TargetKind};
use model_core::value::{Value, read};

use super::error::InputError;
use super::source::Model;
use crate::performance::{Performance, Scores};
use crate::read::{Cells, Shown};
use crate::sketch::{Capacity, Column, Spec};

/// The scores of a batch.
pub(super) struct Scored {
    /// The probabilities.
    pub(super) column: Column,
    scores: Scores,
    refused: u64,
}

impl Scored {
    /// Nothing scored yet.
    fn new(model: &Model) -> Self {
        Self {
            column: Column::new(Spec::for_predictions(), Capacity::default()),
            scores: Scores::new(model.artifact.threshold),
            refused: 0,
        }
    }

    /// How well the model does on this batch.
    pub(super) fn performance(&self, model: &Model) -> Performance {
        Performance {
            measured: self.scores.measured(),
            estimated: self.scores.estimated(),
            at_training: model.artifact.training.metrics.clone(),
            share_yes: self.scores.share_yes(),
            refused: self.refused,
        }
    }
}

/// Scores blocks of rows, on any number of threads.
pub(super) struct Scorer {
    model: Arc<Model>,
    idle: Mutex<Vec<Worker>>,
}

struct Worker {
    decider: Decider,
    scored: Scored,
    /// Of each block, by its first row.
    blocks: Vec<(u64, Scores)>,
    values: Vec<f64>,
    probabilities: Vec<f64>,
    readable: Vec<bool>,
}

impl Scorer {
    pub(super) fn new(model: &Arc<Model>) -> Self {
        Self {
            model: Arc::clone(model),
            idle: Mutex::default(),
        }
    }

    pub(super) fn push(&self, shown: &Shown<'_>) -> Result<(), String> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut worker = match taken {
            Some(worker) => worker,
            None => self.worker().map_err(|error| error.to_string())?,
        };
        worker.push(&self.model.artifact.schema, shown)?;
        idle().push(worker);
        Ok(())
    }

    /// The sum over all threads.
    pub(super) fn finish(self) -> Result<Scored, InputError> {
        let workers = self
            .idle
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut sum = Scored::new(&self.model);
        let mut scores = Vec::new();
        for Worker { scored, blocks, .. } in workers {
            sum.column
                .merge(&scored.column)
                .map_err(InputError::Answers)?;
            sum.refused += scored.refused;
            scores.extend(blocks);
        }
        // Sums of fractions, in the order of the file: otherwise their last bits would depend on
        // which thread was first.
        scores.sort_by_key(|(first, _)| *first);
        scores.iter().for_each(|(_, block)| sum.scores.merge(block));
        Ok(sum)
    }

    fn worker(&self) -> Result<Worker, InputError> {
        Ok(Worker {
            decider: self.model.decider()?,
            scored: Scored::new(&self.model),
            blocks: Vec::new(),
            values: Vec::new(),
            probabilities: Vec::new(),
            readable: Vec::new(),
        })
    }
}

impl Worker {
    fn push(&mut self, schema: &Schema, shown: &Shown<'_>) -> Result<(), String> {
        let rows = shown.block.rows;
        self.values.clear();
        self.readable.clear();
        self.readable.resize(rows, true);
        for feature in schema.inputs() {
            match shown.cells(&feature.name) {
                Some(cells) => self.read(feature, cells, rows, &schema.missing_values),
                None => self.values.extend(std::iter::repeat_n(f64::NAN, rows)),
            }
        }
        self.probabilities.clear();
        self.probabilities.resize(rows, 0.0);
        if rows > 0 {
            self.decider.batch(&self.values, &mut self.probabilities)?;
        }
        let target = shown.cells(&schema.target.name);
        // The scores of a worker itself stay empty: they are what each block starts from.
        let mut scores = self.scored.scores.clone();
        let mut counted = Vec::with_capacity(rows);
        for row in 0..rows {
            let probability = self.probabilities[row];
            if probability == REFUSED || !self.readable[row] {
                self.scored.refused += 1;
                continue;
            }
            counted.push(probability);
            let label = target.and_then(|cells| label(&schema.target.kind, cells, row));
            scores.push(probability, label);
        }
        self.scored.column.push_numbers(&counted);
        self.blocks.push((shown.first, scores));
        Ok(())
    }

    /// Reads cells as a decision does; a row with a cell that a decision refuses is refused.
    fn read(&mut self, feature: &Feature, cells: &Cells, rows: usize, missing: &MissingValues) {
        let is_number = feature.range().is_some();
        let mut reader = CellReader::new(feature, missing);
        for row in 0..rows {
            let value = match cells {
                Cells::Numbers(numbers) if is_number || numbers[row].is_nan() => Ok(numbers[row]),
                Cells::Numbers(numbers) => {
                    let text = numbers[row].to_string();
                    read(feature, Value::Number(&text), missing).map(|reading| reading.code())
                }
                Cells::Texts(texts) => reader.read(texts.get(row)).map(|reading| reading.code()),
                Cells::Skipped => Ok(f64::NAN),
            };
            self.readable[row] &= value.as_ref().is_ok_and(|value| !value.is_infinite());
            self.values.push(
                value
                    .ok()
                    .filter(|value| !value.is_infinite())
                    .unwrap_or(f64::NAN),
            );
        }
    }
}

fn label(kind: &TargetKind, cells: &Cells, row: usize) -> Option<bool> {
    let number;
    let text = match cells {
        Cells::Texts(texts) => texts.get(row).trim(),
        Cells::Numbers(numbers) => {
            number = numbers[row].to_string();
            &number
        }
        Cells::Skipped => return None,
    };
    kind.outcome(text)
}
