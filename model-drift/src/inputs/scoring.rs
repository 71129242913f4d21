//! Scoring the rows of a batch while it is read: the scores are compared like a column, and
//! measured against the labels where there are some, each row by its weight where the batch has the
//! model's column of weights. Derived fields that the file leaves out are counted as the module
//! counts them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use model_core::decide::Decider;
use model_core::schema::{Feature, MissingValues, Role, SampleRole, Schema};
use model_core::value::Reading;

use super::error::InputError;
use super::source::Model;
use crate::performance::{Performance, Scores, WEIGHTS};
use crate::read::{Cells, Computed, Meaning, Shown};
use crate::sketch::{Capacity, Column, Spec};

/// The most characters of a cell that an error shows.
const SHOWN: usize = 64;

/// The scores of a batch.
pub(super) struct Scored {
    /// The probabilities.
    pub(super) column: Column,
    scores: Scores,
    refused: u64,
    /// Whether the batch has the model's column of weights.
    weighted: bool,
    /// What the first row with a label has instead of a weight, and its index.
    no_weight: Option<(u64, String)>,
}

impl Scored {
    /// Nothing scored yet.
    fn new(model: &Model) -> Self {
        Self {
            column: Column::new(Spec::for_predictions(), Capacity::default()),
            scores: Scores::new(model.artifact.threshold),
            refused: 0,
            weighted: false,
            no_weight: None,
        }
    }

    fn merge(&mut self, other: Self) -> Result<(), InputError> {
        self.column
            .merge(&other.column)
            .map_err(InputError::Answers)?;
        self.scores.merge(&other.scores);
        self.refused += other.refused;
        self.weighted |= other.weighted;
        let first = self.no_weight.take().into_iter().chain(other.no_weight);
        self.no_weight = first.min();
        Ok(())
    }

    /// How well the model does on this batch, which is that file, and a note on how its rows
    /// count.
    pub(super) fn performance(
        &self,
        model: &Model,
        path: &Path,
    ) -> Result<(Performance, Option<String>), InputError> {
        let column = model.artifact.schema.sample_column(SampleRole::Weight);
        if let (Some(column), Some((_, got))) = (column, &self.no_weight) {
            return Err(InputError::Weight {
                path: path.to_owned(),
                column: column.name.clone(),
                got: got.clone(),
            });
        }
        // Metrics that count each row once do not compare with weighted ones.
        let is_comparable = column.is_none() || self.weighted;
        let at_training = model.artifact.training.metrics.iter();
        let performance = Performance {
            measured: self.scores.measured(),
            estimated: self.scores.estimated(),
            at_training: at_training.filter(|_| is_comparable).cloned().collect(),
            weighted: self.weighted,
            share_yes: self.scores.share_yes(),
            refused: self.refused,
        };
        let left_out = match self.scores.without_weight() {
            0 => String::new(),
            1 => " 1 row has no label and no weight: it counts in none.".to_owned(),
            rows => format!(" {rows} rows have no label and no weight: they count in none."),
        };
        let note = column.map(|column| match self.weighted {
            true => format!(
                "Each row counts with its weight in the model's metrics, from the column '{}'.{left_out}",
                column.name
            ),
            false => format!(
                "The current batch has no column '{}', the weights of the rows: each row counts once in the model's metrics, and those at training, which are weighted, are left out.",
                column.name
            ),
        });
        Ok((performance, note))
    }
}

/// The columns that scoring and measuring read.
pub(super) fn columns(schema: &Schema) -> Vec<String> {
    let is_read = |feature: &&Feature| {
        feature.role == Role::Input || feature.sample == Some(SampleRole::Weight)
    };
    let features = schema.features.iter().filter(is_read);
    let names = features.map(|feature| &feature.name);
    names.chain([&schema.target.name]).cloned().collect()
}

/// Scores blocks of rows, on any number of threads.
pub(super) struct Scorer {
    model: Arc<Model>,
    idle: Mutex<Vec<Worker>>,
}

struct Worker {
    decider: Decider,
    scored: Scored,
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
        for worker in workers {
            sum.merge(worker.scored)?;
        }
        Ok(sum)
    }

    fn worker(&self) -> Result<Worker, InputError> {
        Ok(Worker {
            decider: self.model.decider()?,
            scored: Scored::new(&self.model),
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
        let weights = Weights::new(schema, shown);
        let mut counted = Vec::with_capacity(rows);
        let (readable, scored) = (&self.readable, &mut self.scored);
        scored.weighted |= weights.is_some();
        self.decider
            .judge_rows(&self.values, rows, |row, judgement, decider| {
                let Some(judgement) = judgement.filter(|_| readable[row]) else {
                    scored.refused += 1;
                    return;
                };
                for (input, computed) in &mut derived {
                    computed.values[row] = decider.counted_value(*input, row);
                }
                counted.push(judgement.probability);
                let label = target.and_then(|cells| label(schema, cells, row));
                let weight = match &weights {
                    Some(weights) => weights.get(row),
                    None => Some(1.0),
                };
                scored.scores.push(judgement.probability, label, weight);
                if let (Some(weights), Some(_), None) = (&weights, label, weight) {
                    let first = scored.no_weight.take().into_iter();
                    let here = (shown.first + row as u64, weights.text(row));
                    scored.no_weight = first.chain([here]).min();
                }
            })?;
        self.scored.column.push_numbers(&counted);
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

/// The cells of the column that says how much a row counts.
struct Weights<'a> {
    column: &'a Feature,
    missing: &'a MissingValues,
    cells: &'a Cells,
}

impl<'a> Weights<'a> {
    /// `None` where the model has no such column, or the batch lacks it.
    fn new(schema: &'a Schema, shown: &Shown<'a>) -> Option<Self> {
        let column = schema.sample_column(SampleRole::Weight)?;
        Some(Self {
            column,
            missing: &schema.missing_values,
            cells: shown.cells(&column.name)?,
        })
    }

    /// As `underwrite evaluate` reads it.
    fn get(&self, row: usize) -> Option<f64> {
        let number = match self.cells {
            Cells::Texts(texts) => {
                let text = texts.get(row).trim();
                let number = text.parse().ok()?;
                (!self.missing.has_text_of(self.column, text)).then_some(number)?
            }
            Cells::Numbers(numbers) => {
                let number = numbers[row];
                (!self.missing.has_number(number)).then_some(number)?
            }
            Cells::Skipped => return None,
        };
        WEIGHTS.contains(&number).then_some(number)
    }

    /// What an error shows of a cell.
    fn text(&self, row: usize) -> String {
        match self.cells {
            Cells::Texts(texts) => texts.get(row).trim().chars().take(SHOWN).collect(),
            Cells::Numbers(numbers) if !numbers[row].is_nan() => numbers[row].to_string(),
            Cells::Numbers(_) | Cells::Skipped => String::new(),
        }
    }
}

/// What became of a row; a value that the schema calls missing says nothing.
fn label(schema: &Schema, cells: &Cells, row: usize) -> Option<bool> {
    let number;
    let text = match cells {
        Cells::Texts(texts) => texts.get(row).trim(),
        Cells::Numbers(numbers) => {
            number = numbers[row].to_string();
            &number
        }
        Cells::Skipped => return None,
    };
    let missing = &schema.missing_values;
    if missing.has_text(text) || missing.has_number_text(text) {
        return None;
    }
    schema.target.kind.outcome(text)
}
