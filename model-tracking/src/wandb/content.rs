//! A run in the terms of Weights & Biases: config, history, summary, files.

use serde_json::{Map, Value, json};

use crate::folder::{RunError, RunFolder};
use crate::run::{Run, Status, TrialState, non_finite_name, now_ms};

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
        let runtime = (ended - run.started_ms) / 1000;
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

/// The run's own steps, then a step for each trial.
fn history(folder: &RunFolder) -> Result<Vec<Map<String, Value>>, RunError> {
    let run = folder.run();
    let row = |step: u64, time_ms: i64| {
        let runtime = (time_ms - run.started_ms).max(0) as f64 / 1000.0;
        let base = json!({
            "_step": step, "_timestamp": time_ms as f64 / 1000.0, "_runtime": runtime,
        });
        base.as_object().cloned().unwrap_or_default()
    };
    let mut rows = Vec::new();
    let mut next = 0;
    for point in folder.history()? {
        let mut row = row(point.step, point.time_ms);
        row.extend(
            point
                .metrics
                .iter()
                .map(|(name, &value)| (name.clone(), number(value))),
        );
        next = next.max(point.step + 1);
        rows.push(row);
    }
    for trial in folder.trials()? {
        let mut row = row(next, trial.finished_ms);
        row.insert("trial/number".to_owned(), json!(trial.number));
        row.insert("trial/model".to_owned(), json!(trial.model));
        row.insert(
            "trial/pruned".to_owned(),
            json!(trial.state == TrialState::Pruned),
        );
        if let Some(value) = trial.value {
            row.insert("trial/value".to_owned(), number(value));
        }
        let params = trial.params.into_iter();
        row.extend(params.map(|(name, value)| (format!("trial/{name}"), value)));
        next += 1;
        rows.push(row);
    }
    Ok(rows)
}
