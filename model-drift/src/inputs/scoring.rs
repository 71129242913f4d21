//! Scoring the rows of a batch while it is read: the scores are compared like a column, and
//! measured against the labels where there are some. Derived fields that the file leaves out are
//! counted as the model computes them.

use std::sync::{Arc, Mutex, PoisonError};

use model_core::decide::Decider;
use model_core::schema::{Schema, TargetKind};
use model_core::value::Reading;

use super::error::InputError;
use super::source::Model;
use crate::performance::{Performance, Scores};
use crate::read::{Cells, Computed, Meaning, Shown};
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
    readable: Vec<bool>,
}

impl Scorer {
    pub(super) fn new(model: &Arc<Model>) -> Self {
        Self {
            model: Arc::clone(model),
            idle: Mutex::default(),
        }
    }

    /// Scores a block, and answers its derived fields.
    pub(super) fn push(&self, shown: &Shown<'_>) -> Result<Vec<Computed>, String> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut worker = match taken {
            Some(worker) => worker,
            None => self.worker().map_err(|error| error.to_string())?,
        };
        let computed = worker.push(&self.model.artifact.schema, shown)?;
        idle().push(worker);
        Ok(computed)
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
            readable: Vec::new(),
        })
    }
}

impl Worker {
    fn push(&mut self, schema: &Schema, shown: &Shown<'_>) -> Result<Vec<Computed>, String> {
        let rows = shown.block.rows;
        self.read(schema, shown);
        // Columns that only rules look at change no score.
        let rules = self.decider.rule_columns().len();
        self.values
            .extend(std::iter::repeat_n(f64::NAN, rules * rows));
        let mut derived: Vec<(usize, Computed)> = (schema.inputs().enumerate())
            .filter(|(_, feature)| feature.derived.is_some())
            .map(|(input, feature)| {
                let (name, values) = (feature.name.clone(), vec![f64::NAN; rows]);
                (input, Computed { name, values })
            })
            .collect();
        let target = shown.cells(&schema.target.name);
        // The scores of a worker itself stay empty: they are what each block starts from.
        let mut scores = self.scored.scores.clone();
        let mut counted = Vec::with_capacity(rows);
        let (readable, refused) = (&self.readable, &mut self.scored.refused);
        self.decider
            .judge_rows(&self.values, rows, |row, judgement, decider| {
                let Some(judgement) = judgement.filter(|_| readable[row]) else {
                    *refused += 1;
                    return;
                };
                for (input, computed) in &mut derived {
                    computed.values[row] = decider.block_value(*input, row);
                }
                counted.push(judgement.probability);
                let label = target.and_then(|cells| label(&schema.target.kind, cells, row));
                scores.push(judgement.probability, label);
            })?;
        self.scored.column.push_numbers(&counted);
        self.blocks.push((shown.first, scores));
        Ok(derived.into_iter().map(|(_, computed)| computed).collect())
    }

    /// Reads the inputs as a decision does; a row with a cell that a decision refuses is refused.
    fn read(&mut self, schema: &Schema, shown: &Shown<'_>) {
        let rows = shown.block.rows;
        self.values.clear();
        self.readable.clear();
        self.readable.resize(rows, true);
        for feature in schema.inputs() {
            let cells = shown.cells(&feature.name);
            let mut meaning = Meaning::new(feature, &schema.missing_values);
            for row in 0..rows {
                let reading = meaning.read(cells, row);
                self.readable[row] &= reading.is_ok();
                self.values.push(reading.map_or(f64::NAN, Reading::code));
            }
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
