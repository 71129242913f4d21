//! The report of a run: the finished model on the test rows, and how it was found.

use anyhow::Result;
use model_core::schema::Schema;
use model_train::card::{About, model_card};
use model_train::dataset::Dataset;
use model_train::evaluate::{self, Evaluation, LearningPoint, Options};
use model_train::report::evaluation_html;
use model_train::tune::State;
use serde_json::Value;

use super::search::Found;
use crate::progress;

/// The three forms of what is known of a model's quality.
pub(super) struct Reports {
    pub(super) html: String,
    pub(super) json: Vec<u8>,
    pub(super) card: String,
}

/// Measures an artifact on the test rows.
pub(super) fn reports(
    artifact: &[u8],
    (dataset, schema): (&Dataset, &Schema),
    test: &[usize],
    (seed, jobs): (u64, usize),
    learning_curve: Vec<LearningPoint>,
    found: Option<&Found>,
) -> Result<Reports> {
    let spinner = progress::spinner("Measuring");
    let options = Options {
        seed,
        jobs,
        ..Options::default()
    };
    let mut evaluation = evaluate::evaluate(artifact, dataset, test, false, &options)?;
    evaluation.learning_curve = learning_curve;
    evaluation.search = found.map(search);
    spinner.finish_and_clear();
    written(&evaluation, schema)
}

fn written(evaluation: &Evaluation, schema: &Schema) -> Result<Reports> {
    let mut json = serde_json::to_vec_pretty(evaluation)?;
    json.push(b'\n');
    Ok(Reports {
        html: evaluation_html(evaluation)?,
        json,
        card: model_card(schema, evaluation, &About::default()),
    })
}

fn search(found: &Found) -> evaluate::Search {
    let frontier = found
        .frontier()
        .into_iter()
        .map(|point| evaluate::Candidate {
            name: format!(
                "{}, trial {}, {} trees",
                point.model, point.trial, point.trees
            ),
            score: point.value,
            bytes: point.cost.gzip_bytes,
            nanoseconds: Some(point.cost.nanoseconds),
            chosen: false,
        });
    evaluate::Search {
        metric: found.settings.metric.word().to_owned(),
        folds: found.settings.folds,
        trials: found
            .trials
            .iter()
            .map(|trial| self::trial(found, trial))
            .collect(),
        frontier: frontier.chain([chosen(found)]).collect(),
    }
}

/// The model of the run itself: the trial it comes from, as often as it is averaged.
fn chosen(found: &Found) -> evaluate::Candidate {
    let cost = found.cost;
    evaluate::Candidate {
        name: format!(
            "{}, trial {}, chosen",
            found.params.kind().word(),
            found.best.number
        ),
        score: found.value(),
        bytes: cost.gzip_bytes,
        nanoseconds: Some(cost.nanoseconds),
        chosen: true,
    }
}

fn trial(found: &Found, trial: &model_train::tune::Trial) -> evaluate::Trial {
    let (metric, budget) = (found.settings.metric, &found.settings.budget);
    let folds: Vec<f64> = trial
        .folds
        .iter()
        .filter_map(|fold| Some(metric.of(&fold.best(metric, budget)?.metrics)))
        .collect();
    let mean = trial.value(metric, budget);
    let deviation = mean.filter(|_| folds.len() > 1).map(|mean| {
        let squares = folds
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>();
        (squares / (folds.len() - 1) as f64).sqrt()
    });
    let fields = match serde_json::to_value(trial.params) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let fields = fields.into_iter().filter(|(name, _)| name != "model");
    evaluate::Trial {
        number: trial.number,
        model: trial.params.kind().word().to_owned(),
        score: mean,
        deviation,
        state: match trial.state {
            State::Complete => "complete",
            State::Pruned => "pruned",
            State::Failed => "failed",
        }
        .to_owned(),
        seconds: trial.seconds,
        parameters: fields
            .map(|(name, value)| (name, value.to_string()))
            .collect(),
    }
}
