//! Why a training run failed.

use crate::evaluate::EvaluateError;
use crate::fit::FitError;
use crate::prepare::PrepareError;
use crate::threshold::ThresholdError;
use crate::train::TrainError;
use crate::tune::{FoldError, RangeError, RatioError, TuneError};

/// What an [`super::Observer`] failed with.
pub type ObserverError = Box<dyn std::error::Error + Send + Sync>;

/// Why a training run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// Policies could not be applied to the rows.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// A model could not be fitted, or cannot do what the schema asks for.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A range that does not go with the defaults for the training rows.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The search has nothing to choose from.
    #[error(transparent)]
    Tune(#[from] TuneError),
    /// No threshold could be chosen.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// The final model could not be made.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The finished model could not be measured.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The observer failed, for example because the disk is full.
    #[error(transparent)]
    Observer(ObserverError),
    /// None of the models supports the schema.
    #[error("none of the models can do what the schema asks for")]
    NoModel,
    /// The training rows cannot be dealt to folds.
    #[error(transparent)]
    Folds(#[from] FoldError),
    /// The size limit leaves no room for a model.
    #[error(
        "a limit of {limit} bytes leaves no room for a model: schema, examples and the summary of the training rows take {taken} bytes, gzipped: allow more"
    )]
    NoRoom {
        /// Gzipped bytes that were asked for.
        limit: u64,
        /// Gzipped bytes that an artifact takes without its model.
        taken: u64,
    },
    /// The lending rules do not fit the model.
    #[error("{0}")]
    Policy(String),
    /// Ratios could not be judged.
    #[error(transparent)]
    Ratios(#[from] RatioError),
    /// The configuration cannot be written down.
    #[error("the configuration cannot be written as TOML: {0}")]
    Configuration(#[from] toml::ser::Error),
}

impl PipelineError {
    /// Lending rules that do not fit what was learned.
    pub(super) fn policy(problem: &str) -> Self {
        Self::Policy(format!(
            "the policy does not fit the trained model: {problem}; change the policy or the threshold, or train without a policy and give the model one with underwrite policy apply"
        ))
    }
}
