//! Measuring a finished model, and the reports of that.

use model_core::artifact::{Artifact, ArtifactError, with_policy};
use model_core::policy::Policy;
use model_core::schema::{FeatureKind, Role, Schema};
use serde_json::Value;

use super::decision::first_fold;
use super::differences::{other_inputs, same_target};
use super::error::PipelineError;
use super::inputs::{InputError, Source};
use super::job::Job;
use super::retrained::retrained;
use super::selection::Selection;
use super::trained::TrainedModel;
use crate::applications::{other_missing_value, same_codes};
use crate::card::{About, model_card};
use crate::evaluate::{
    self, Coefficients, EvaluateError, Evaluation, FrontierRecord, Options, SearchRecord,
    TrainedOn, TrialRecord,
};
use crate::fit::{ClassWeight, Params};
use crate::predictions::{Part, Prediction};
use crate::prepare::Prepared;
use crate::report::{ReportError, evaluation_html};
use crate::tune::Trial;

/// Measures a trained model on the test rows, with a learning curve from the training rows,
/// the record of the search and, where the options ask for it, how stable its reasons are.
///
/// # Errors
/// When a part of the learning curve cannot be fitted.
pub fn evaluate_trained(job: &Job, trained: &TrainedModel) -> Result<Evaluation, PipelineError> {
    let Job {
        inputs, options, ..
    } = job;
    let mut single = trained.params;
    if let Some(boosting) = single.boosting_mut() {
        // The shape of the curve does not depend on averaging, its time does.
        boosting.bags = 1;
    }
    let learning_curve = first_fold(job)?.learning_curve(&single, options.jobs)?;
    let measuring = Options {
        seed: options.seed,
        jobs: options.jobs,
        ..Options::default()
    };
    let test = &inputs.split.test;
    let mut evaluation =
        evaluate::evaluate(&trained.artifact, &inputs.dataset, test, false, &measuring)?;
    evaluation.credit.coefficients = coefficients(job, trained)?;
    evaluation.learning_curve = learning_curve;
    evaluation.search = trained.selection.as_ref().map(search_record);
    if let Some(reasons) = &mut evaluation.reasons {
        reasons.behind.clone_from(&trained.report.profiles);
        reasons.retrained = retrained(job, trained)?;
    }
    Ok(evaluation)
}

/// The coefficients of a logistic regression, with errors from the training rows; of class
/// weights, which no likelihood knows, without errors.
fn coefficients(job: &Job, trained: &TrainedModel) -> Result<Option<Coefficients>, PipelineError> {
    let artifact = Artifact::decode(&trained.artifact).map_err(EvaluateError::from)?;
    let inputs = &job.inputs;
    let (Params::LogisticRegression(params), ClassWeight::None) =
        (&trained.params, &job.options.class_weight)
    else {
        return Ok(evaluate::coefficients(&artifact, None));
    };
    let rows = &inputs.split.train;
    let weights = inputs.dataset.sample.weights_of(rows);
    let prepared = Prepared::new(inputs.dataset.clone(), &inputs.schema, inputs.split.clone())?;
    let columns = prepared.columns.iter();
    let columns: Vec<Vec<f64>> = columns
        .map(|column| rows.iter().map(|&row| column[row]).collect())
        .collect();
    let trained_on = TrainedOn {
        inputs: &columns,
        weights: weights.as_deref(),
        alpha: params.alpha,
    };
    Ok(evaluate::coefficients(&artifact, Some(trained_on)))
}

/// What to measure a finished model on.
pub struct EvaluationJob<'a> {
    /// The encoded artifact of the model.
    pub artifact: &'a [u8],
    /// A schema with the same inputs and target, for other protected columns; `None` is the
    /// model's own.
    pub schema: Option<Schema>,
    /// Rows with known answers, with a header.
    pub data: Source<'a>,
    /// A CSV with the one column `row`: the rows to measure on; `None` measures on all.
    pub test_rows: Option<Source<'a>>,
    /// Lending rules to decide by, in place of the model's own.
    pub policy: Option<Policy>,
    /// How to measure.
    pub options: Options,
}

/// Why a finished model could not be measured on the rows of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The model cannot be loaded.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The schema is of another target.
    #[error(
        "the schema has another target than the model's: leave the schema out to use the model's own"
    )]
    Schema,
    /// The schema has other inputs, or reads them otherwise.
    #[error(
        "the schema has other inputs than the model's ({difference}): leave the schema out to use the model's own"
    )]
    SchemaInputs {
        /// The first difference.
        difference: String,
    },
    /// Other values mean missing by the schema.
    #[error(
        "the schema has other missing_values than the model's (only one has '{value}'): give it the model's, or leave the schema out"
    )]
    SchemaMissingValues {
        /// The first value that means missing by one of them only.
        value: String,
    },
    /// A rule names a column that is read otherwise by the schema, or not at all.
    #[error(
        "rule '{rule}' names '{column}', which the schema has {found}: write the column as in the model's schema, or leave the schema out"
    )]
    SchemaRule {
        /// The rule's id.
        rule: String,
        /// The column that it names.
        column: String,
        /// How the schema has it.
        found: &'static str,
    },
    /// Other values mean missing to one of two models to compare.
    #[error(
        "the models have different missing_values (only one has '{value}'), and one file cannot be read for both: measure each by itself"
    )]
    OtherMissingValues {
        /// The first value that means missing to one of them only.
        value: String,
    },
    /// A rule of the second of two models names a column that is read otherwise for the first, or
    /// not at all.
    #[error(
        "rule '{rule}' of the second model names '{column}', which the first model's schema has {found}, and one file cannot be read for both: measure each by itself"
    )]
    OtherRule {
        /// The rule's id.
        rule: String,
        /// The column that it names.
        column: String,
        /// How the first model has it.
        found: &'static str,
    },
    /// Two models to compare predict different things.
    #[error(
        "the models predict different outcomes: the first {first}, the second {second}; expected two models of the same target"
    )]
    OtherOutcome {
        /// Target and positive outcome of the first.
        first: String,
        /// Those of the second.
        second: String,
    },
    /// Two models to compare have different inputs.
    #[error(
        "the models have different inputs ({difference}): expected two models of the same inputs, which one file can be read for"
    )]
    OtherInputs {
        /// The first difference.
        difference: String,
    },
    /// Two models to compare weigh the rows of the file differently.
    #[error(
        "the models weigh the rows differently ({difference}): measure each by itself, or leave such columns out of the file to count every row once"
    )]
    OtherWeights {
        /// Which weighs them by which column.
        difference: String,
    },
    /// The rows cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The model cannot be measured on them.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

/// Measures a finished model on the rows of a file. Also answers the schema that the rows
/// were read by. `progress` is called with the number of bytes read so far.
///
/// # Errors
/// When the model cannot be loaded, or the rows cannot be read or do not suit the model.
pub fn evaluate_file(
    job: EvaluationJob<'_>,
    progress: impl FnMut(u64),
) -> Result<(Evaluation, Schema), EvaluationError> {
    let (evaluation, schema, _) = evaluate_and_predict(job, progress)?;
    Ok((evaluation, schema))
}

/// The same, with the prediction for each measured row.
///
/// # Errors
/// As [`evaluate_file`].
pub fn evaluate_and_predict(
    job: EvaluationJob<'_>,
    progress: impl FnMut(u64),
) -> Result<(Evaluation, Schema, Vec<Prediction>), EvaluationError> {
    let ruled;
    let bytes = match &job.policy {
        Some(policy) => {
            ruled = with_policy(job.artifact, Some(policy))?;
            &ruled
        }
        None => job.artifact,
    };
    let artifact = Artifact::decode(bytes)?;
    let schema = match job.schema {
        Some(schema) => {
            check_schema(&schema, &artifact)?;
            schema
        }
        None => artifact.schema.clone(),
    };
    let dataset = job
        .data
        .read_dataset(&schema, progress)
        .map_err(InputError::from)?;
    let of_training = dataset.sha256 == artifact.training.data_sha256;
    let seen_in_training = of_training && job.test_rows.is_none();
    let rows = match job.test_rows {
        Some(rows) => rows.read_split(&dataset).map_err(InputError::from)?.test,
        None => (0..dataset.rows()).collect(),
    };
    let (evaluation, probabilities) =
        evaluate::evaluate_rows(bytes, &dataset, &rows, seen_in_training, &job.options)?;
    let file_rows = dataset.file_rows();
    let predictions = rows.iter().zip(probabilities);
    let predictions = predictions.map(|(&row, probability)| Prediction {
        row: file_rows[row],
        part: Part::Evaluation,
        outcome: dataset.target[row],
        probability,
    });
    let predictions = predictions.collect();
    Ok((evaluation, schema, predictions))
}

/// Refuses a schema by which rows are not read as the model reads them.
fn check_schema(schema: &Schema, artifact: &Artifact) -> Result<(), EvaluationError> {
    let own = &artifact.schema;
    if !same_target(schema, own) {
        return Err(EvaluationError::Schema);
    }
    if let Some(difference) = other_inputs(schema, own, ["the schema", "the model's"]) {
        return Err(EvaluationError::SchemaInputs { difference });
    }
    if let Some(value) = other_missing_value(schema, own) {
        return Err(EvaluationError::SchemaMissingValues { value });
    }
    match other_rule_column(schema, artifact) {
        None => Ok(()),
        Some(other) => Err(EvaluationError::SchemaRule {
            rule: other.rule,
            column: other.column,
            found: other.found,
        }),
    }
}

/// A column of a rule that is read otherwise, or not at all.
pub(super) struct OtherRuleColumn {
    pub(super) rule: String,
    pub(super) column: String,
    /// How the schema has it.
    pub(super) found: &'static str,
}

/// The first protected column that a rule names and the schema does not read as the model's own.
pub(super) fn other_rule_column(schema: &Schema, artifact: &Artifact) -> Option<OtherRuleColumn> {
    for rule in artifact.policy.iter().flat_map(|policy| &policy.rules) {
        for field in rule.when.fields() {
            // Behind the last feature is the probability.
            let named = artifact.schema.features.get(usize::from(field));
            let Some(named) = named.filter(|feature| feature.role == Role::Protected) else {
                continue;
            };
            let mut features = schema.features.iter();
            let given = features.find(|feature| feature.name == named.name);
            let found = match given.filter(|given| given.role == Role::Protected) {
                None => "not as a protected column",
                Some(given) if same_codes(&given.kind, &named.kind) => continue,
                Some(given) => match (&given.kind, &named.kind) {
                    (FeatureKind::Category(_), FeatureKind::Category(_)) => {
                        "with other categories, or in another order"
                    }
                    _ => "of another type",
                },
            };
            return Some(OtherRuleColumn {
                rule: rule.id.clone(),
                column: named.name.clone(),
                found,
            });
        }
    }
    None
}

/// An evaluation in the three forms that people and programs read.
#[derive(Debug, Clone)]
pub struct Reports {
    /// One self-contained HTML page.
    pub html: String,
    /// Everything in the page, as JSON.
    pub json: Vec<u8>,
    /// A model card: Markdown with front matter for the Hub.
    pub card: String,
}

impl Reports {
    /// Writes an evaluation down; `schema` is what the rows were read by.
    ///
    /// # Errors
    /// When a chart or the page cannot be drawn.
    pub fn new(
        evaluation: &Evaluation,
        schema: &Schema,
        about: &About,
    ) -> Result<Self, ReportError> {
        let json = serde_json::to_vec_pretty(evaluation);
        let mut json = json.map_err(|error| ReportError::Page(error.to_string()))?;
        json.push(b'\n');
        Ok(Self {
            html: evaluation_html(evaluation)?,
            json,
            card: model_card(schema, evaluation, about),
        })
    }
}

fn search_record(selection: &Selection) -> SearchRecord {
    let frontier = selection.frontier().into_iter();
    let frontier = frontier.map(|point| FrontierRecord {
        name: format!(
            "{}, trial {}, {} trees",
            point.model, point.trial, point.trees
        ),
        score: point.value,
        bytes: point.cost.gzip_bytes,
        nanoseconds: Some(point.cost.nanoseconds),
        chosen: false,
    });
    let trials = selection.trials.iter();
    SearchRecord {
        metric: selection.settings.metric.word().to_owned(),
        folds: selection.settings.folds,
        trials: trials.map(|trial| trial_record(selection, trial)).collect(),
        frontier: frontier.chain([chosen_record(selection)]).collect(),
        benchmark: Some((selection.benchmark).record(&selection.trials, &selection.settings)),
    }
}

/// The model of the run itself: the trial it comes from, as often as it is averaged.
fn chosen_record(selection: &Selection) -> FrontierRecord {
    let (model, trial) = (selection.params.kind().word(), selection.best.number);
    FrontierRecord {
        name: format!("{model}, trial {trial}, chosen"),
        score: selection.value(),
        bytes: selection.cost.gzip_bytes,
        nanoseconds: Some(selection.cost.nanoseconds),
        chosen: true,
    }
}

fn trial_record(selection: &Selection, trial: &Trial) -> TrialRecord {
    let (metric, budget) = (selection.settings.metric, &selection.settings.budget);
    let folds = trial.figures(metric, budget, |point| metric.figure(&point.metrics));
    let mean = trial.value(metric, budget);
    let deviation = mean.filter(|_| folds.len() > 1).map(|mean| {
        let squares: f64 = folds.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / (folds.len() - 1) as f64).sqrt()
    });
    let parameters = match serde_json::to_value(trial.params) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let parameters = parameters.into_iter().filter(|(name, _)| name != "model");
    TrialRecord {
        number: trial.number,
        model: trial.params.kind().word().to_owned(),
        score: mean,
        deviation,
        state: trial.state.word().to_owned(),
        seconds: trial.seconds,
        parameters: parameters
            .map(|(name, value)| (name, value.to_string()))
            .collect(),
    }
}
