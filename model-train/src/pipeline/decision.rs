//! From the model's probability to a decision: calibration and threshold, both chosen on
//! predictions for training rows that the model was not fitted on.

use model_core::calibration::Calibration;

use super::error::PipelineError;
use super::job::Job;
use crate::calibrate::Method;
use crate::fit::Params;
use crate::threshold;
use crate::tune::{CrossValidation, repeated_folds};

/// How probabilities become decisions.
pub(super) struct Decision {
    pub(super) calibration: Calibration,
    /// Approved from this calibrated probability on.
    pub(super) threshold: f64,
}

/// Fits every fold where calibration or threshold have to be learned.
pub(super) fn decide(job: &Job, params: &Params) -> Result<Decision, PipelineError> {
    let options = &job.options;
    let method = options.calibration_of(params);
    if method == Method::None && options.has_fixed_decision() {
        return Ok(Decision {
            calibration: Calibration::None,
            threshold: 0.5,
        });
    }
    let rows = cross_validation(job, 1)?.out_of_fold(params, options.jobs)?;
    let target = &job.inputs.dataset.target;
    let answers: Vec<bool> = rows.iter().map(|(row, _)| target[*row]).collect();
    let mut probabilities: Vec<f64> = rows.iter().map(|(_, p)| *p).collect();
    let calibration = method.fit(&answers, &probabilities);
    for probability in &mut probabilities {
        *probability = calibration.apply(*probability);
    }
    let threshold = threshold::choose(options.threshold, &answers, &probabilities)?;
    Ok(Decision {
        calibration,
        threshold,
    })
}

/// The folds of the training rows, dealt so many times; the first deal is the same for the search,
/// the decision and the learning curve.
pub(super) fn cross_validation(
    job: &Job,
    repeats: usize,
) -> Result<CrossValidation<'_>, PipelineError> {
    let (inputs, options) = (&job.inputs, &job.options);
    let (folds, seed) = (options.folds, options.seed);
    let splits = repeated_folds(
        &inputs.dataset.target,
        &inputs.split.train,
        folds,
        repeats,
        seed,
    )
    .ok_or(PipelineError::TooFewRows { folds })?;
    Ok(CrossValidation::new(
        &inputs.dataset,
        &inputs.schema,
        splits,
        seed,
        options.class_weight,
    )?)
}
