//! Training as one call: what `underwrite train` does, without files and terminals.
//!
//! ```text
//! Inputs::read ─ Job::new ─ run ─ TrainedModel ─ evaluate_trained ─ Reports
//! schema, rows   checks     search, calibrate,   figures on the     HTML, JSON,
//! and a split    options    fit, measure         test rows          model card
//! ```
//!
//! The same inputs and options give the same artifact, byte for byte, with any number of
//! threads, unless the search has a timeout or a latency limit. The crate's first page has an
//! example.

mod benchmark;
mod comparison;
mod configuration;
mod cross_validated;
mod decision;
mod development;
mod differences;
mod error;
mod evaluation;
mod inputs;
mod job;
mod observer;
mod oddities;
mod options;
mod reproduction;
mod retrained;
mod selection;
mod trained;

pub use benchmark::Benchmark;
pub use comparison::{ComparisonJob, ComparisonReports, compare_file};
pub use cross_validated::CrossValidated;
pub use development::development;
pub use error::{ObserverError, PipelineError};
pub use evaluation::{
    EvaluationError, EvaluationJob, Reports, evaluate_and_predict, evaluate_file, evaluate_trained,
};
pub use inputs::{FeatureError, InputError, InputOptions, Inputs, Source};
pub use job::{Job, SearchIdentity, Warning};
pub use observer::Observer;
pub use options::{Hyperparameters, Options, SearchOptions, SearchRecord, Unsupported};
pub use reproduction::{NotReproducible, Recorded, differing_parts};
pub use selection::{Selection, SelectionFigures};
pub use trained::{Figures, TrainedModel};

use std::time::Instant;

use model_core::artifact::{Artifact, with_policy};
use model_core::details::Details;

use crate::fit::Params;
use crate::golden;
use crate::threshold::ThresholdRule;
use crate::train::{self, TrainError, train};
use configuration::Configuration;
use job::Plan;

/// A share of approvals is missed by more than ties of single rows where it is this far off.
const FAR_OFF: f64 = 0.02;

/// Trains a model: finds the hyperparameters, chooses calibration and threshold on
/// out-of-fold predictions, fits on all training rows, and measures on the test rows, which
/// nothing has looked at before.
///
/// # Errors
/// When nothing can be fitted, the search finds nothing within its limits, or the observer
/// fails.
pub fn run(job: &Job, observer: &mut dyn Observer) -> Result<TrainedModel, PipelineError> {
    let start = Instant::now();
    let (params, mut selection) = match &job.plan {
        Plan::Fixed(params) | Plan::Recorded(params, _) => (*params, None),
        Plan::Defaults(space) => (selection::defaults(job, space)?, None),
        Plan::Searched(search) => {
            let selection = selection::select(job, search, observer)?;
            (selection.params, Some(selection))
        }
    };
    observer.fitting();
    let Fitted {
        mut trained,
        approval_rate,
        cross_validated,
    } = fit(job, params)?;
    let mut warnings = Vec::from_iter(worse_than_constant(job, &params, &trained.report));
    warnings.extend(missed_approval_rate(job.options.threshold, approval_rate));
    warnings.extend(few_golden_rows(&trained.artifact)?);
    if let Some(policy) = &job.options.policy {
        trained.artifact = with_policy(&trained.artifact, Some(policy))
            .map_err(|error| PipelineError::policy(&error.to_string()))?;
    }
    if let Some(selection) = &mut selection {
        selection.record_cost(&trained.artifact);
    }
    Ok(TrainedModel {
        artifact: trained.artifact,
        report: trained.report,
        test: trained.test,
        approval_rate,
        cross_validated,
        params,
        selection,
        warnings,
        time: start.elapsed(),
    })
}

/// A model that knows less about the test rows than the training rows' positive rate does.
fn worse_than_constant(job: &Job, params: &Params, report: &train::Report) -> Option<Warning> {
    let (dataset, split) = (&job.inputs.dataset, &job.inputs.split);
    let rate = |rows: &[usize]| {
        let rows = rows.iter().copied();
        dataset.sample.share_of(rows, |row| dataset.target[row])
    };
    let (known, measured) = (rate(&split.train), rate(&split.test));
    let constant = -measured * known.ln() - (1.0 - measured) * (1.0 - known).ln();
    let log_loss = report.metrics.log_loss;
    (log_loss > constant).then_some(Warning::WorseThanConstant {
        model: report.model,
        calibration: job.options.calibration_of(params),
        log_loss,
        constant,
    })
}

/// A share of approvals that ties of probabilities keep away.
fn missed_approval_rate(rule: ThresholdRule, reached: Option<f64>) -> Option<Warning> {
    let (ThresholdRule::ApprovalRate(wanted), Some(reached)) = (rule, reached) else {
        return None;
    };
    let is_all_or_none = (reached == 0.0 && wanted > 0.0) || (reached == 1.0 && wanted < 1.0);
    (is_all_or_none || (reached - wanted).abs() > FAR_OFF)
        .then_some(Warning::ApprovalRate { wanted, reached })
}

/// What a model was fitted to, and what its decision rests on.
struct Fitted {
    trained: train::Trained,
    approval_rate: Option<f64>,
    cross_validated: Option<CrossValidated>,
}

/// A model of which few or no synthetic requests check a copy.
fn few_golden_rows(artifact: &[u8]) -> Result<Option<Warning>, PipelineError> {
    let artifact = Artifact::decode(artifact).map_err(TrainError::from)?;
    let rows = artifact.golden_rows.len();
    Ok(golden::shortfall(rows).map(|_| Warning::FewGoldenRows { rows }))
}

/// Fits on all training rows, and looks at the test rows for the first time.
fn fit(job: &Job, params: Params) -> Result<Fitted, PipelineError> {
    let Job {
        inputs, options, ..
    } = job;
    let decision = decision::decide(job, &params)?;
    if let Some(policy) = &options.policy {
        (policy.check_threshold(decision.threshold))
            .map_err(|problem| PipelineError::policy(&problem))?;
    }
    let options = train::Options {
        params,
        class_weight: options.class_weight,
        jobs: options.jobs,
        seed: options.seed,
        calibration: decision.calibration,
        threshold: decision.threshold,
        details: Details {
            threshold_rule: options.threshold,
            config: Configuration::of(job, params).to_toml()?,
            protected_inputs: inputs.protected.clone(),
            ..Details::default()
        },
        engine_sha256: options.engine_sha256.clone(),
        underwrite_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let (dataset, split) = (inputs.dataset.clone(), inputs.split.clone());
    let trained = train(dataset, &inputs.schema, split, &options)?;
    Ok(Fitted {
        trained,
        approval_rate: decision.approval_rate,
        cross_validated: decision.cross_validated,
    })
}
