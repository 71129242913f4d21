//! What a training run leaves.

use std::time::Duration;

use serde::Serialize;

use super::job::Warning;
use super::selection::{Selection, SelectionFigures};
use crate::fit::Params;
use crate::train::Report;

/// A trained model, measured on the test rows.
#[derive(Debug)]
pub struct TrainedModel {
    /// Ready to be packed into an engine; see [`crate::pack::pack`].
    pub artifact: Vec<u8>,
    /// How good it is on the test rows.
    pub report: Report,
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
    /// The search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<SelectionFigures>,
}

impl TrainedModel {
    /// The run in figures.
    #[must_use]
    pub fn figures(&self) -> Figures<'_> {
        Figures {
            report: &self.report,
            search: self
                .selection
                .as_ref()
                .map(|found| found.figures(self.time)),
        }
    }
}
