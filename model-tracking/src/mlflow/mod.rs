//! MLflow, by its REST API 2.0 as served by version 3.
//!
//! A run becomes a run with a nested run for each trial; the folder's id is the tag
//! `underwrite.run_id`, by which a second push finds the runs of the first. A run that has other
//! parameters or another model by then becomes a new one.

mod batch;
mod mlmodel;
mod registry;
mod remote_run;
mod rest;

use model_client::{Client, Credentials, RetryPolicy, ServiceError, split_credentials};
use serde_json::{Value, json};

use crate::folder::RunFolder;
use crate::run::{Dataset, Pushed, Run, Status, Trial, TrialState, now_ms};
use crate::tracker::{TrackError, Tracker};
use batch::{Batch, digest};
use remote_run::RemoteRuns;
use rest::{RemoteRun, Rest};

/// Finds a run again.
const RUN_ID: &str = "underwrite.run_id";
/// Finds a trial's run again.
const TRIAL: &str = "underwrite.trial";

/// Which server, as whom, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// `MLFLOW_TRACKING_URI`; a user and password in it are used as such.
    pub uri: String,
    /// `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `_PASSWORD`.
    pub credentials: Credentials,
    /// `MLFLOW_EXPERIMENT_NAME`: the experiment, where it is not the run's own.
    pub experiment: Option<String>,
    /// The owner of the run.
    pub user: String,
    /// The alias to move to the newest version of the registered model, never back to an older
    /// one; none moves no alias.
    pub alias: Option<String>,
    /// How long the server is waited for.
    pub retry: RetryPolicy,
}

/// An MLflow server.
#[derive(Debug)]
pub struct Mlflow {
    options: Options,
}

impl Mlflow {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(mut options: Options) -> Self {
        let (uri, credentials) = split_credentials(&options.uri);
        options.uri = uri;
        if options.credentials == Credentials::None {
            options.credentials = credentials.unwrap_or(Credentials::None);
        }
        Self { options }
    }
}

impl Tracker for Mlflow {
    fn name(&self) -> &str {
        "mlflow"
    }

    fn push(&self, folder: &RunFolder) -> Result<Pushed, TrackError> {
        let advice = "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD, to an account that may write to this experiment";
        let client = Client::new(
            "MLflow",
            &self.options.uri,
            self.options.credentials.clone(),
            advice,
            self.options.retry,
        );
        let conversation = Conversation {
            rest: Rest::new(client),
            options: &self.options,
            folder,
            run: folder.run(),
        };
        conversation.push()
    }
}

/// One push.
struct Conversation<'a> {
    rest: Rest,
    options: &'a Options,
    folder: &'a RunFolder,
    run: &'a Run,
}

impl Conversation<'_> {
    fn push(&self) -> Result<Pushed, TrackError> {
        let name = self.options.experiment.as_ref();
        let experiment = self.rest.experiment(name.unwrap_or(&self.run.experiment))?;
        let runs = self.remote_runs(&experiment)?;
        let remote = &runs.run;
        self.log_settings(remote)?;
        self.log_trials(&experiment, &runs)?;
        let model_id = self.log_model(&experiment, remote)?;
        self.log_metrics(remote, model_id.as_deref())?;
        for artifact in &self.run.artifacts {
            let file = self.folder.checked(&artifact.path)?;
            self.rest.upload_to_run(remote, &artifact.path, &file)?;
        }
        self.register(remote, model_id.as_deref())?;
        self.rest.end_run(
            &remote.run_id,
            status_name(self.run.status),
            self.run.finished_ms.unwrap_or_else(now_ms),
        )?;
        let url = format!(
            "{}/#/experiments/{experiment}/runs/{}",
            self.rest.base(),
            remote.run_id
        );
        let pushed = Pushed::now(remote.run_id.clone(), url);
        Ok(Pushed {
            note: runs.note,
            ..pushed
        })
    }

    fn source_tags(&self, run_name: &str) -> Vec<Value> {
        vec![
            tag("mlflow.user", &self.options.user),
            tag("mlflow.source.name", &self.run.command.join(" ")),
            tag("mlflow.source.type", "LOCAL"),
            tag("mlflow.runName", run_name),
        ]
    }

    /// Logs parameters, tags and the dataset.
    fn log_settings(&self, remote: &RemoteRun) -> Result<(), TrackError> {
        let mut batch = Batch::new(&remote.run_id);
        for (name, value) in &self.run.params {
            batch.param(name, value);
        }
        for (name, value) in &self.run.tags {
            batch.tag(name, value);
        }
        batch.tag("mlflow.note.content", &self.description());
        self.rest.log(batch)?;
        if let Some(dataset) = &self.run.dataset {
            self.rest
                .log_inputs(&remote.run_id, &dataset_input(dataset))?;
        }
        Ok(())
    }

    fn log_trials(&self, experiment: &str, runs: &RemoteRuns) -> Result<(), TrackError> {
        let trials = self.folder.trials()?;
        if trials.is_empty() {
            return Ok(());
        }
        let numbers = trials.iter().map(|trial| trial.number).collect();
        let there = self.trials_there(experiment, runs, &numbers)?;
        let metric = self.run.params.get("metric").and_then(Value::as_str);
        let metric = metric.map_or_else(|| "value".to_owned(), |name| format!("cv_{name}"));
        for trial in &trials {
            if !there.contains(&trial.number) {
                self.log_trial(experiment, &runs.run, trial, &metric)?;
            }
        }
        Ok(())
    }

    fn log_trial(
        &self,
        experiment: &str,
        parent: &RemoteRun,
        trial: &Trial,
        metric: &str,
    ) -> Result<(), ServiceError> {
        let name = format!("trial-{:03}-{}", trial.number, trial.model);
        let mut tags = self.source_tags(&name);
        tags.push(tag("mlflow.parentRunId", &parent.run_id));
        tags.push(tag(TRIAL, &trial.number.to_string()));
        tags.push(tag("underwrite.model", &trial.model));
        let child = self.rest.create_run(&json!({
            "experiment_id": experiment,
            "user_id": self.options.user,
            "run_name": name,
            "start_time": trial.started_ms,
            "tags": tags,
        }))?;
        let mut batch = Batch::new(&child.run_id);
        for (name, value) in &trial.params {
            batch.param(name, value);
        }
        for (fold, &value) in (0..).zip(&trial.folds) {
            batch.metric(&format!("{metric}_fold"), value, trial.finished_ms, fold);
        }
        if let Some(value) = trial.value {
            batch.metric(metric, value, trial.finished_ms, 0);
        }
        self.rest.log(batch)?;
        let status = match trial.state {
            TrialState::Complete => "FINISHED",
            TrialState::Pruned => "KILLED",
            TrialState::Failed => "FAILED",
        };
        self.rest.end_run(&child.run_id, status, trial.finished_ms)
    }

    /// Logs the history, and the final metrics, which belong to the model too.
    fn log_metrics(&self, remote: &RemoteRun, model_id: Option<&str>) -> Result<(), TrackError> {
        let mut batch = Batch::new(&remote.run_id);
        let mut next = 0;
        for point in self.folder.history()? {
            for (name, &value) in &point.metrics {
                batch.metric(name, value, point.time_ms, point.step);
            }
            next = next.max(point.step + 1);
        }
        let time_ms = self.run.finished_ms.unwrap_or(self.run.started_ms);
        for (name, &value) in &self.run.metrics {
            batch.metric(name, value, time_ms, next);
            if let Some(model_id) = model_id {
                batch.belongs_to(model_id, self.run.dataset.as_ref());
            }
        }
        Ok(self.rest.log(batch)?)
    }

    /// The run in a sentence or two.
    fn description(&self) -> String {
        let target = self.run.dataset.as_ref().map(|data| {
            format!(
                "Trained on {} rows of {} to predict {}.",
                data.rows, data.name, data.target
            )
        });
        let model = self.run.model.as_ref().map(|model| {
            format!(
                "{} {} ({}), {} with SHA-256 {}.",
                model.name, model.version, model.kind, model.file, model.sha256
            )
        });
        let parts: Vec<String> = [model, target].into_iter().flatten().collect();
        parts.join(" ")
    }
}

/// A key and a value.
fn tag(key: &str, value: &str) -> Value {
    batch::tag(key, value)
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Running => "RUNNING",
        Status::Finished => "FINISHED",
        Status::Failed => "FAILED",
        Status::Interrupted => "KILLED",
    }
}

fn dataset_input(dataset: &Dataset) -> Value {
    let columns: Vec<Value> = dataset.columns.iter().map(mlmodel::column).collect();
    let elements = dataset.rows * dataset.columns.len() as u64;
    json!([{
        "tags": [{"key": "mlflow.data.context", "value": "training"}],
        "dataset": {
            "name": dataset.name,
            "digest": digest(dataset),
            "source_type": "local",
            "source": json!({"uri": dataset.source}).to_string(),
            "schema": json!({"mlflow_colspec": columns}).to_string(),
            "profile": json!({"num_rows": dataset.rows, "num_elements": elements}).to_string(),
        },
    }])
}
