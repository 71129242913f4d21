//! One fit from prepared choices to the artifact: fit, export, measure, make golden rows.

use std::collections::BTreeMap;
use std::time::Instant;

use model_core::artifact::{Artifact, ArtifactError, Training};
use model_core::calibration::Calibration;
use model_core::details::Details;
use model_core::model::{Model, Predictor};
use model_core::schema::{Feature, Schema};
use serde::Serialize;

use crate::actions;
use crate::calibrate::ready_for_platt;
use crate::dataset::Dataset;
use crate::evaluate::Interval;
use crate::fit::{self, ClassWeight, FitError, Params};
use crate::golden;
use crate::metric_intervals::metric_intervals;
use crate::metrics::Metrics;
use crate::predictions::{Part, Prediction};
use crate::prepare::{PrepareError, Prepared};
use crate::profiles::{self, ProfileReport, Subject};
use crate::reference;
use crate::split::Split;

/// How to train.
#[derive(Debug, Clone)]
pub struct Options {
    /// The model.
    pub params: Params,
    /// The weight of a row by its class.
    pub class_weight: ClassWeight,
    /// Threads, at least 1.
    pub jobs: usize,
    /// Random seed.
    pub seed: u64,
    /// How the model's probabilities are corrected; Platt's, of a model as
    /// [`ready_for_platt`] makes it.
    pub calibration: Calibration,
    /// Approved from this calibrated probability on, 0 to 1.
    pub threshold: f64,
    /// How the model was made, for the artifact; proved monotonic features are added.
    pub details: Details,
    /// SHA-256 of the engine that the model will be packed into, lower-case hexadecimal.
    pub engine_sha256: String,
    /// The program's version.
    pub underwrite_version: String,
}

/// A trained model.
#[derive(Debug)]
pub struct Trained {
    /// Ready to be packed. The same rows and options give the same bytes.
    pub artifact: Vec<u8>,
    /// How good it is.
    pub report: Report,
    /// What it predicts for the test rows.
    pub test: Vec<Prediction>,
}

/// What a training run reports.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The model's word, such as `random_forest`.
    pub model: &'static str,
    /// Rows it was fitted on.
    pub rows_train: usize,
    /// Rows it was measured on.
    pub rows_test: usize,
    /// The figures on the test rows.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The 95% intervals of the metrics that have one; see
    /// [`metric_intervals`].
    pub intervals: BTreeMap<&'static str, Interval>,
    /// Seconds that fitting and exporting took.
    pub seconds_fit: f64,
    /// Whom reasons compare with; `None` where the rows are too few.
    pub profiles: Option<ProfileReport>,
}

/// Why training failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Policies could not be applied to the rows.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// No model came out.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The model cannot be stored.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The exported model cannot predict.
    #[error("the exported model cannot be used: {0}")]
    Export(String),
}

/// Fits on the training rows, exports, measures the exported model on the test rows, and
/// makes the artifact.
///
/// # Errors
/// When the rows have nothing to learn from, or the model is too large to be stored.
pub fn train(
    dataset: Dataset,
    schema: &Schema,
    split: Split,
    options: &Options,
) -> Result<Trained, TrainError> {
    let data_sha256 = dataset.sha256.clone();
    let test_in_file = dataset.in_file(&split.test);
    let mut sketch = reference::sketch_rows(&dataset, schema, &split.train);
    let applications = reference::applications(&dataset, schema, &split.test);
    let inputs = schema.inputs().enumerate();
    let derived = inputs.filter(|(_, feature)| feature.derived.is_some());
    let seen: Vec<_> = derived
        .map(|(input, _)| (input, dataset.columns[input].clone()))
        .collect();
    let prepared = Prepared::new(dataset, schema, split)?;
    let (used, rows) = (&prepared.columns, &prepared.split.train);
    reference::show_computed(&mut sketch, schema, &seen, used, rows);
    let start = Instant::now();
    let fitting = fit::Options {
        seed: options.seed,
        jobs: options.jobs,
        class_weight: options.class_weight,
    };
    let model = fit::fit(
        &prepared,
        &prepared.split.train,
        schema,
        &options.params,
        &fitting,
    )?;
    let model = match options.calibration {
        Calibration::Platt { .. } => ready_for_platt(model),
        Calibration::None | Calibration::Isotonic { .. } => model,
    };
    let seconds_fit = start.elapsed().as_secs_f64();
    let probabilities = probabilities(&model, &prepared, options)?;
    let (metrics, intervals) = measure(&prepared, &probabilities, options.threshold);
    reference::add_answers(&mut sketch, &probabilities);
    let test = test_in_file.into_iter().zip(&prepared.split.test);
    let test = test.zip(&probabilities);
    let test = test.map(|((row_in_file, &row), &probability)| Prediction {
        row: row_in_file,
        part: Part::Test,
        outcome: prepared.target[row],
        probability,
    });
    let test: Vec<Prediction> = test.collect();
    let made = profiles::make(
        &Subject {
            schema,
            model: &model,
            calibration: &options.calibration,
            threshold: options.threshold,
            jobs: options.jobs,
        },
        &prepared,
    );
    let (profiles, profile_report) = match made {
        Some(made) => (Some(made.profiles), Some(made.report)),
        None => (None, None),
    };
    let report = Report {
        model: options.params.kind().word(),
        rows_train: prepared.split.train.len(),
        rows_test: prepared.split.test.len(),
        metrics,
        intervals,
        seconds_fit,
        profiles: profile_report,
    };
    let named = metrics
        .named()
        .map(|(name, value)| (name.to_owned(), value));
    let mut artifact = Artifact {
        policy: None,
        profiles,
        schema: actions::measured(schema, &prepared),
        preprocessing: prepared.preprocessing.clone(),
        kind: options.params.kind(),
        model,
        threshold: options.threshold,
        training: Training {
            rows_train: report.rows_train as u64,
            rows_test: report.rows_test as u64,
            seed: options.seed,
            data_sha256,
            underwrite_version: options.underwrite_version.clone(),
            metrics: named.to_vec(),
        },
        engine_sha256: options.engine_sha256.clone(),
        golden_rows: Vec::new(),
        calibration: options.calibration.clone(),
        details: Vec::new(),
    };
    reference::add_reasons(&mut sketch, &artifact, &applications)?;
    artifact.details = details(options, schema, sketch.encode()).to_bytes()?;
    artifact.golden_rows = golden::rows(&artifact, &prepared, options.seed)?;
    Ok(Trained {
        artifact: artifact.encode()?,
        report,
        test,
    })
}

/// The details with the monotonic features: fitting has proved them, or failed.
fn details(options: &Options, schema: &Schema, reference: Vec<u8>) -> Details {
    let proved = |feature: &Feature| Some((feature.name.clone(), feature.monotonic?));
    Details {
        monotonic: schema.inputs().filter_map(proved).collect(),
        reference,
        ..options.details.clone()
    }
}

/// The exported model's probabilities for the test rows: what is exported is what decides.
fn probabilities(
    model: &Model,
    prepared: &Prepared,
    options: &Options,
) -> Result<Vec<f64>, TrainError> {
    let predictor = Predictor::new(model, &options.calibration).map_err(TrainError::Export)?;
    let test = &prepared.split.test;
    Ok(fit::predict_with(predictor, prepared, test))
}

/// Metrics on the test rows, with their intervals.
fn measure(
    prepared: &Prepared,
    probabilities: &[f64],
    threshold: f64,
) -> (Metrics, BTreeMap<&'static str, Interval>) {
    let answers = prepared.answers_of(&prepared.split.test);
    let weights = prepared.weights_of(&prepared.split.test);
    let weights = weights.as_deref();
    (
        Metrics::weighted(&answers, probabilities, weights, threshold),
        metric_intervals(&answers, probabilities, weights, threshold),
    )
}
