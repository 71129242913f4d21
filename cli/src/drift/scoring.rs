//! Asking a model about the rows of a batch while it is read: its answers are compared like
//! a column, and measured against the labels where there are some.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use model_core::artifact::Artifact;
use model_core::decide::{Decider, REFUSED};
use model_core::schema::{Feature, Schema, TargetKind};
use model_core::value::{Value, read};
use model_drift::performance::{Performance, Scores};
use model_drift::read::{Cells, Shown};
use model_drift::sketch::{Capacity, Column, Sketch, Spec};

use crate::files;

/// A model.wasm.
pub(super) struct Model {
    path: PathBuf,
    bytes: Vec<u8>,
    artifact: Artifact,
}

impl Model {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let wasm = files::read(path)?;
        let bytes = files::open_model(path, &wasm)?.artifact().to_vec();
        let artifact = super::decider(path, &bytes)?.artifact().clone();
        Ok(Self {
            path: path.to_owned(),
            bytes,
            artifact,
        })
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.artifact.schema
    }

    /// The sketch of the training rows.
    pub(super) fn reference(&self) -> Result<Sketch> {
        let reference = model_core::details::Details::from_artifact(&self.artifact)?.reference;
        ensure!(
            !reference.is_empty(),
            "the model carries no sketch of its training rows: train it again with this version of underwrite, or name the training data after --reference"
        );
        Ok(Sketch::decode(&reference)?)
    }
}

/// What came of a batch's rows.
pub(super) struct Scored {
    /// The probabilities.
    pub(super) column: Column,
    scores: Scores,
    refused: u64,
}

impl Scored {
    /// The figures of the current batch.
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

/// Counts the answers to blocks of rows, on any number of threads.
pub(super) struct Scorer {
    model: Arc<Model>,
    idle: Mutex<Vec<Worker>>,
}

struct Worker {
    decider: Decider,
    scored: Scored,
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
            None => self.worker().map_err(|error| format!("{error:#}"))?,
        };
        worker.push(&self.model.artifact.schema, shown)?;
        idle().push(worker);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Scored> {
        let workers = self
            .idle
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut workers = workers.into_iter().map(|worker| worker.scored);
        let mut sum = workers.next().context("no row was scored")?;
        for other in workers {
            sum.column.merge(&other.column)?;
            sum.scores.merge(&other.scores);
            sum.refused += other.refused;
        }
        Ok(sum)
    }

    fn worker(&self) -> Result<Worker> {
        Ok(Worker {
            decider: super::decider(&self.model.path, &self.model.bytes)?,
            scored: Scored {
                column: Column::new(Spec::for_predictions(), Capacity::default()),
                scores: Scores::new(self.model.artifact.threshold),
                refused: 0,
            },
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
        for row in 0..rows {
            let probability = self.probabilities[row];
            if probability == REFUSED || !self.readable[row] {
                self.scored.refused += 1;
                continue;
            }
            self.scored.column.push_number(probability);
            let label = target.and_then(|cells| label(&schema.target.kind, cells, row));
            self.scored.scores.push(probability, label);
        }
        Ok(())
    }

    /// Reads as a decision would; what it would refuse makes the row unreadable.
    fn read(&mut self, feature: &Feature, cells: &Cells, rows: usize, missing: &[String]) {
        let categories = feature.categories().is_some();
        for row in 0..rows {
            let value = match cells {
                Cells::Numbers(numbers) if !categories || numbers[row].is_nan() => Ok(numbers[row]),
                Cells::Numbers(numbers) => {
                    let text = numbers[row].to_string();
                    read(feature, Value::Number(&text)).map(|reading| reading.code())
                }
                Cells::Texts(texts) => {
                    let value = Value::from_text(texts.get(row), missing);
                    read(feature, value).map(|reading| reading.code())
                }
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
