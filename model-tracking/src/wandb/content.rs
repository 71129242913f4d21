//! A run in the terms of Weights & Biases: config, history, summary, files.

use serde_json::{Map, Value, json};

use crate::folder::{RunError, RunFolder};
use crate::run::{HistoryPoint, Run, Status, Trial, TrialState, non_finite_name, now_ms};

/// Everything but the artifacts.
pub(super) struct Content {
    /// Name and value.
    pub(super) config: Map<String, Value>,
    /// One object a step, with `_step`, `_timestamp` and `_runtime`.
    pub(super) history: Vec<Map<String, Value>>,
    /// The last value of everything, and the final figures.
    pub(super) summary: Map<String, Value>,
    /// Labels.
    pub(super) tags: Vec<String>,
    /// Files of the run that are no part of the model, by their artifact's name.
    pub(super) files: Vec<String>,
    /// 0 when all went well.
    pub(super) exit_code: i32,
    /// Whole seconds.
    pub(super) runtime: i32,
}

impl Content {
    pub(super) fn read(folder: &RunFolder) -> Result<Self, RunError> {
        let run = folder.run();
        let history = history(folder)?;
        let ended = run.finished_ms.unwrap_or_else(now_ms);
        let runtime = ended.saturating_sub(run.started_ms) / 1000;
        let mut summary = Map::new();
        for row in &history {
            summary.extend(row.clone());
        }
        summary.extend(
            run.metrics
                .iter()
                .map(|(name, &value)| (name.clone(), number(value))),
        );
        summary.insert("_runtime".to_owned(), json!(runtime));
        summary.insert("_wandb".to_owned(), json!({"runtime": runtime}));
        let tags = run.tags.iter().map(|(name, value)| match value.as_str() {
            "" | "true" => name.clone(),
            _ => format!("{name}: {value}"),
        });
        let model = run.model.as_ref().map(|model| model.file.as_str());
        let files = run.artifacts.iter().map(|file| file.path.clone());
        Ok(Self {
            config: config(run),
            history,
            summary,
            tags: tags.map(|tag| tag.chars().take(64).collect()).collect(),
            files: files.filter(|path| Some(path.as_str()) != model).collect(),
            exit_code: i32::from(run.status == Status::Failed),
            runtime: i32::try_from(runtime).unwrap_or(i32::MAX),
        })
    }
}

/// A number that JSON has, or the text that the service knows others by.
pub(super) fn number(value: f64) -> Value {
    match value.is_finite() {
        true => json!(value),
        false => json!(non_finite_name(value)),
    }
}

/// Settings, data and model.
fn config(run: &Run) -> Map<String, Value> {
    let mut config: Map<String, Value> = run.params.clone().into_iter().collect();
    let mut add = |name: &str, value: Value| {
        // A setting of that name has the say.
        config.entry(name).or_insert(value);
    };
    if let Some(data) = &run.dataset {
        let columns: Vec<&str> = data.columns.iter().map(|c| c.name.as_str()).collect();
        add(
            "dataset",
            json!({
                "name": data.name, "source": data.source, "sha256": data.sha256,
                "rows": data.rows, "target": data.target, "columns": columns,
            }),
        );
    }
    if let Some(model) = &run.model {
        add(
            "model",
            json!({
                "name": model.name, "version": model.version, "kind": model.kind,
                "digest": model.digest, "sha256": model.sha256,
            }),
        );
    }
    config
}

/// The run's own steps and a step for each trial, in the order in which they were recorded. What
/// a resumed run adds comes last, so the lines that the service lacks are those after the number
/// of lines that it has. This is true of a push by an earlier build too: it sent the same lines,
/// the trials after all steps.
fn history(folder: &RunFolder) -> Result<Vec<Map<String, Value>>, RunError> {
    let (points, trials) = (folder.history()?, folder.trials()?);
    let mut next = points.first().map_or(0, |point| point.step);
    let mut lines: Vec<(i64, Line)> = Vec::new();
    // The folder records both files in one order by time. Earlier builds did not where the clock
    // was set back; that changes the order of neither file. Of one moment, the trial comes first,
    // as it is recorded first.
    let mut latest = i64::MIN;
    for trial in trials {
        latest = latest.max(trial.finished_ms);
        lines.push((latest, Line::Trial(trial)));
    }
    latest = i64::MIN;
    for point in points {
        latest = latest.max(point.time_ms);
        lines.push((latest, Line::Point(point)));
    }
    lines.sort_by_key(|(time_ms, _)| *time_ms);
    let rows = lines.into_iter().map(|(_, line)| {
        let step = line.step(next);
        next = step.saturating_add(1);
        line.row(step, folder.run().started_ms)
    });
    Ok(rows.collect())
}

/// What becomes a line of the history.
enum Line {
    Trial(Trial),
    Point(HistoryPoint),
}

impl Line {
    /// Its step where `next` is the first that is free.
    fn step(&self, next: u64) -> u64 {
        match self {
            Self::Trial(_) => next,
            Self::Point(point) => next.max(point.step),
        }
    }

    fn row(self, step: u64, started_ms: i64) -> Map<String, Value> {
        let mut row = Map::new();
        let time_ms = match self {
            Self::Trial(trial) => {
                let time_ms = trial.finished_ms;
                add_trial(&mut row, trial);
                time_ms
            }
            Self::Point(point) => {
                let metrics = point.metrics.into_iter();
                row.extend(metrics.map(|(name, value)| (name, number(value))));
                point.time_ms
            }
        };
        let runtime = time_ms.saturating_sub(started_ms).max(0) as f64 / 1000.0;
        row.insert("_step".to_owned(), json!(step));
        row.insert("_timestamp".to_owned(), json!(time_ms as f64 / 1000.0));
        row.insert("_runtime".to_owned(), json!(runtime));
        row
    }
}

fn add_trial(row: &mut Map<String, Value>, trial: Trial) {
    let is_pruned = trial.state == TrialState::Pruned;
    row.insert("trial/number".to_owned(), json!(trial.number));
    row.insert("trial/model".to_owned(), json!(trial.model));
    row.insert("trial/pruned".to_owned(), json!(is_pruned));
    if let Some(value) = trial.value {
        row.insert("trial/value".to_owned(), number(value));
    }
    let params = trial.params.into_iter();
    row.extend(params.map(|(name, value)| (format!("trial/{name}"), value)));
}
