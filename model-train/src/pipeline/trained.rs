//! What a training run leaves.

use std::time::Duration;

use serde::Serialize;

use super::cross_validated::CrossValidated;
use super::job::Warning;
use super::selection::{Selection, SelectionFigures};
use crate::fit::Params;
use crate::predictions::Prediction;
use crate::train::Report;

/// A trained model, measured on the test rows.
#[derive(Debug)]
pub struct TrainedModel {
    /// Ready to be packed into an engine; see [`crate::pack::pack`].
    pub artifact: Vec<u8>,
    /// How good it is on the test rows.
    pub report: Report,
    /// Its predictions for the test rows.
    pub test: Vec<Prediction>,
    /// Share of the training rows that the threshold approves, by weight, each by a model of the
    /// other folds; `None` where the threshold was not chosen.
    pub approval_rate: Option<f64>,
    /// What the folds say of it; `None` where none was fitted.
    pub cross_validated: Option<CrossValidated>,
    /// The hyperparameters it was fitted with.
    pub params: Params,
    /// How they were found; `None` where they were given.
    pub selection: Option<Selection>,
    /// What is odd about the finished model.
    pub warnings: Vec<Warning>,
    /// How long the run took.
    pub time: Duration,
}

/// A training run in figures, for programs.
#[derive(Debug, Serialize)]
pub struct Figures<'a> {
    /// The model on the test rows.
    #[serde(flatten)]
    pub report: &'a Report,
    /// The folds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_validation: Option<&'a CrossValidated>,
    /// The search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<SelectionFigures>,
}

impl TrainedModel {
    /// Out-of-fold predictions of the training rows, where there are folds, then those of the
    /// test rows.
    pub fn predictions(&self) -> Vec<Prediction> {
        let folds = self.cross_validated.iter();
        let folds = folds.flat_map(|folds| &folds.predictions);
        folds.chain(&self.test).copied().collect()
    }

    /// The run in figures.
    #[must_use]
    pub fn figures(&self) -> Figures<'_> {
        Figures {
            report: &self.report,
            cross_validation: self.cross_validated.as_ref(),
            search: self
                .selection
                .as_ref()
                .map(|found| found.figures(self.time)),
        }
    }
}
