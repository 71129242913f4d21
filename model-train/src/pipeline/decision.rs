//! From the model's probability to a decision: calibration and threshold, both chosen on
//! predictions for training rows that the model was not fitted on.

use model_core::calibration::Calibration;

use super::error::PipelineError;
use super::inputs::Inputs;
use super::job::Job;
use super::options::Options;
use crate::calibrate::Method;
use crate::fit::Params;
use crate::threshold;
use crate::tune::{CrossValidation, Dealt};

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
    let numbers: Vec<usize> = rows.iter().map(|(row, _)| *row).collect();
    let weights = job.inputs.dataset.sample.weights_of(&numbers);
    let weights = weights.as_deref();
    let mut probabilities: Vec<f64> = rows.iter().map(|(_, p)| *p).collect();
    let calibration = method.fit_weighted(&answers, &probabilities, weights);
    for probability in &mut probabilities {
        *probability = calibration.apply(*probability);
    }
    let threshold =
        threshold::choose_weighted(options.threshold, &answers, &probabilities, weights)?;
    Ok(Decision {
        calibration,
        threshold,
    })
}

/// The training rows as they are dealt to so many folds.
pub(super) fn dealt<'a>(inputs: &'a Inputs, options: &Options, folds: usize) -> Dealt<'a> {
    Dealt {
        target: &inputs.dataset.target,
        sample: &inputs.dataset.sample,
        rows: &inputs.split.train,
        folds,
        by: options.folds_by,
        seed: options.seed,
    }
}

/// The folds of the training rows, dealt so many times; the first deal is the same for the search,
/// the decision and the learning curve.
pub(super) fn cross_validation(
    job: &Job,
    repeats: usize,
) -> Result<CrossValidation<'_>, PipelineError> {
    let (inputs, options) = (&job.inputs, &job.options);
    let splits = dealt(inputs, options, options.folds).splits(repeats)?;
    Ok(CrossValidation::new(
        &inputs.dataset,
        &inputs.schema,
        splits,
        options.seed,
        options.class_weight,
    )?)
}
