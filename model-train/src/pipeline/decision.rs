//! From the model's probability to a decision: calibration and threshold, both chosen on
//! predictions for training rows that the model was not fitted on.

use model_core::calibration::Calibration;
use model_core::decide::reaches;

use super::cross_validated::{CrossValidated, fold_metrics, mean_and_deviation};
use super::error::PipelineError;
use super::inputs::Inputs;
use super::job::Job;
use super::options::Options;
use crate::calibrate::Method;
use crate::fit::{LARGE, Params};
use crate::predictions::{Part, Prediction};
use crate::split::Split;
use crate::threshold;
use crate::tune::{CrossValidation, Dealt, FoldPrediction};

/// How probabilities become decisions, and what the folds say of that.
pub(super) struct Decision {
    pub(super) calibration: Calibration,
    /// Approved from this calibrated probability on.
    pub(super) threshold: f64,
    /// Share of the training rows that the threshold approves, by weight, each by a model of the
    /// other folds; `None` where the threshold was not chosen.
    pub(super) approval_rate: Option<f64>,
    /// `None` where no fold was fitted.
    pub(super) cross_validated: Option<CrossValidated>,
}

/// Fits every fold where calibration or threshold have to be learned, where the predictions are
/// asked for, or where it takes little time.
pub(super) fn decide(job: &Job, params: &Params) -> Result<Decision, PipelineError> {
    let options = &job.options;
    let method = options.calibration_of(params);
    let is_fixed = method == Method::None && options.has_fixed_decision();
    let is_small = job.inputs.split.train.len() <= LARGE;
    let folds = || {
        let folds = cross_validation(job, 1)?;
        Ok::<_, PipelineError>(folds.out_of_fold(params, method, options.jobs)?)
    };
    let rows = match (is_fixed, options.wants_predictions, is_small) {
        (false, _, _) | (true, true, _) => folds()?,
        // Nothing but a figure more depends on them: where they cannot be fitted, as with two
        // rows of a class, the model still can.
        (true, false, true) => folds().unwrap_or_default(),
        (true, false, false) => Vec::new(),
    };
    let fixed = Decision {
        calibration: Calibration::None,
        threshold: 0.5,
        approval_rate: None,
        cross_validated: None,
    };
    if rows.is_empty() {
        return Ok(fixed);
    }
    let dataset = &job.inputs.dataset;
    let numbers: Vec<usize> = rows.iter().map(|row| row.row).collect();
    let weights = dataset.sample.weights_of(&numbers);
    let weights = weights.as_deref();
    let answers: Vec<bool> = numbers.iter().map(|row| dataset.target[*row]).collect();
    let mut decision = fixed;
    let mut rows = rows;
    if !is_fixed {
        let mut probabilities: Vec<f64> = rows.iter().map(|row| row.probability).collect();
        decision.calibration = method.fit_weighted(&answers, &probabilities, weights);
        for (row, probability) in rows.iter_mut().zip(&mut probabilities) {
            *probability = decision.calibration.apply(*probability);
            row.probability = *probability;
        }
        decision.threshold =
            threshold::choose_weighted(options.threshold, &answers, &probabilities, weights)?;
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let all: f64 = (0..rows.len()).map(weight).sum();
        let approved =
            (0..rows.len()).filter(|&row| reaches(probabilities[row], decision.threshold));
        decision.approval_rate = Some(approved.map(weight).sum::<f64>() / all);
    }
    decision.cross_validated = cross_validated(job, &rows, weights, decision.threshold);
    Ok(decision)
}

/// The figures of calibrated predictions, and the predictions themselves.
fn cross_validated(
    job: &Job,
    rows: &[FoldPrediction],
    weights: Option<&[f64]>,
    threshold: f64,
) -> Option<CrossValidated> {
    let dataset = &job.inputs.dataset;
    let folds = fold_metrics(rows, &dataset.target, weights, threshold);
    let (mean, deviation) = mean_and_deviation(&folds)?;
    let file_rows = dataset.in_file(&rows.iter().map(|row| row.row).collect::<Vec<_>>());
    let prediction = |(row, in_file): (&FoldPrediction, usize)| Prediction {
        row: in_file,
        part: Part::Fold(row.fold + 1),
        outcome: dataset.target[row.row],
        probability: row.probability,
    };
    Some(CrossValidated {
        folds: folds.len(),
        by: job.options.folds_by,
        mean,
        deviation,
        predictions: rows.iter().zip(file_rows).map(prediction).collect(),
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
    let options = &job.options;
    let splits = dealt(&job.inputs, options, options.folds).splits(repeats)?;
    of_splits(job, splits)
}

/// The first of those folds alone.
pub(super) fn first_fold(job: &Job) -> Result<CrossValidation<'_>, PipelineError> {
    let options = &job.options;
    let mut splits = dealt(&job.inputs, options, options.folds).splits(1)?;
    splits.truncate(1);
    of_splits(job, splits)
}

fn of_splits(job: &Job, splits: Vec<Split>) -> Result<CrossValidation<'_>, PipelineError> {
    let (inputs, options) = (&job.inputs, &job.options);
    Ok(CrossValidation::new(
        &inputs.dataset,
        &inputs.schema,
        splits,
        options.seed,
        options.class_weight,
    )?)
}
