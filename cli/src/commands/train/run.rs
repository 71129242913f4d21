//! The folder of a run, and what is shown while it goes.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use indicatif::ProgressBar;
use model_core::artifact::Artifact;
use model_tracking::folder::{NewRun, RunFolder};
use model_tracking::run::{
    Dataset, HistoryPoint, Model, Status, Trial as KeptTrial, TrialState, now_ms,
};
use model_train::fit::Params;
use model_train::train::Trained;
use model_train::tune::{self, Event, Metric, State, Trial};
use serde_json::Value;

use super::evaluation::Reports;
use super::job::Inputs;
use super::search::{self, Found};
use super::settings::{Plan, Settings};
use crate::{progress, tracking};

/// A new folder.
pub(super) fn create(settings: &Settings, inputs: &Inputs) -> Result<RunFolder> {
    let mut params = BTreeMap::from([("seed".to_owned(), Value::from(settings.seed))]);
    if let Plan::Search(search) = &settings.plan {
        let models = search.spaces.iter().map(|space| space.kind().word());
        let tune = &search.settings;
        params.extend([
            ("models".to_owned(), models.collect::<Vec<_>>().into()),
            ("trials".to_owned(), tune.trials.into()),
            ("folds".to_owned(), tune.folds.into()),
            ("metric".to_owned(), tune.metric.word().into()),
        ]);
    }
    let new = NewRun {
        name: settings.run_name.clone(),
        experiment: tracking::EXPERIMENT.to_owned(),
        command: std::env::args().collect(),
        params,
        tags: BTreeMap::new(),
        dataset: Some(dataset(settings, inputs)),
    };
    Ok(RunFolder::create(&settings.runs, new)?)
}

fn dataset(settings: &Settings, inputs: &Inputs) -> Dataset {
    let stem = settings.data.file_stem().unwrap_or_default();
    Dataset {
        name: stem.to_string_lossy().into_owned(),
        source: settings.data.display().to_string(),
        sha256: inputs.dataset.sha256.clone(),
        rows: inputs.dataset.rows() as u64,
        target: inputs.schema.target.name.clone(),
        columns: Vec::new(),
    }
}

/// Puts what came out into the folder.
pub(super) fn keep(
    folder: &mut RunFolder,
    settings: &Settings,
    (params, found): (&Params, Option<&Found>),
    trained: &Trained,
    (wasm, figures): (&[u8], &[u8]),
) -> Result<()> {
    let artifact = Artifact::decode(&trained.artifact)?;
    let schema = std::fs::read(&settings.schema)?;
    folder.add_artifact("model.wasm", wasm)?;
    folder.add_artifact("schema.toml", &schema[..])?;
    folder.add_artifact("metrics.json", figures)?;
    folder.update(|run| {
        run.params.extend(fields(params));
        if let Some(found) = found {
            let metric = found.settings.metric.word();
            run.metrics.insert(format!("cv_{metric}"), found.value());
        }
        for (name, value) in trained.report.metrics.named() {
            run.metrics.insert(name.to_owned(), value);
        }
        let seconds = trained.report.seconds_fit;
        run.metrics.insert("seconds_fit".to_owned(), seconds);
        run.model = Some(Model {
            name: artifact.schema.name.clone(),
            version: artifact.schema.version.clone(),
            digest: model_core::artifact::digest(&trained.artifact).unwrap_or_default(),
            sha256: model_files::sha256_hex(wasm),
            kind: trained.report.model.to_owned(),
            file: "model.wasm".to_owned(),
        });
        tracking::describe(run, &artifact);
    })?;
    Ok(())
}

/// Puts the reports into the folder.
pub(super) fn keep_reports(folder: &mut RunFolder, reports: &Reports) -> Result<()> {
    folder.add_artifact("reports/evaluation.html", reports.html.as_bytes())?;
    folder.add_artifact("reports/evaluation.json", &reports.json[..])?;
    Ok(folder.add_artifact("README.md", reports.card.as_bytes())?)
}

/// Ends the run: all of it is on the disk.
pub(super) fn finish(folder: &mut RunFolder, found: Option<&Found>) -> Result<()> {
    let status = match found.is_some_and(|found| found.interrupted) {
        true => Status::Interrupted,
        false => Status::Finished,
    };
    Ok(folder.finish(status)?)
}

/// Hyperparameters by their keys, the model's word among them.
fn fields(params: &Params) -> BTreeMap<String, Value> {
    match serde_json::to_value(params) {
        Ok(Value::Object(fields)) => fields.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

/// Keeps and shows the trials as they end.
pub(super) struct Recorder {
    folder: RunFolder,
    settings: tune::Settings,
    /// When each trial began.
    began: BTreeMap<usize, i64>,
    /// Value and description of the best complete trial so far.
    best: Option<(f64, String)>,
    ended: u64,
    bar: ProgressBar,
    error: Option<anyhow::Error>,
}

impl Recorder {
    pub(super) fn new(folder: RunFolder, settings: &tune::Settings, finished: &[Trial]) -> Self {
        let bar = progress::trials(settings.trials as u64);
        let mut recorder = Self {
            folder,
            settings: settings.clone(),
            began: BTreeMap::new(),
            best: None,
            ended: 0,
            bar,
            error: None,
        };
        finished.iter().for_each(|trial| recorder.count(trial));
        recorder.bar.reset_eta();
        recorder.bar.enable_steady_tick(Duration::from_millis(200));
        recorder
    }

    /// An error has been kept for [`Recorder::finish`]; the search should stop.
    pub(super) fn record(&mut self, event: Event<'_>) -> Result<(), ()> {
        let kept = match event {
            Event::Begin(candidate) => {
                self.began.insert(candidate.number, now_ms());
                Ok(())
            }
            Event::Fold(_) => Ok(()),
            Event::Trial(trial) => {
                self.count(trial);
                self.keep(trial)
            }
        };
        kept.map_err(|error| self.error = self.error.take().or(Some(error)))
    }

    /// The folder, if all of it could be written.
    pub(super) fn finish(self) -> Result<RunFolder> {
        self.bar.finish_and_clear();
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.folder),
        }
    }

    fn count(&mut self, trial: &Trial) {
        let (metric, budget) = (self.settings.metric, &self.settings.budget);
        let value = trial.value(metric, budget);
        if let (Some(value), State::Complete) = (value, trial.state) {
            let better = |best: &f64| metric.loss(value) < metric.loss(*best);
            if trial.fits(metric, budget) && self.best.as_ref().is_none_or(|b| better(&b.0)) {
                let model = trial.params.kind().word();
                self.best = Some((value, format!("{model}, trial {}", trial.number)));
            }
        }
        self.ended += 1;
        self.bar.inc(1);
        if let Some((value, whose)) = &self.best {
            let metric = metric.word();
            self.bar
                .set_message(format!("best {metric} {value:.4} ({whose})"));
        }
    }

    fn keep(&mut self, trial: &Trial) -> Result<()> {
        search::append(&self.folder, trial)?;
        let (metric, budget) = (self.settings.metric, &self.settings.budget);
        let value = trial.value(metric, budget);
        let figure = |fold: &tune::FoldScore| {
            let best = fold.best(metric, budget)?;
            Some(metric.of(&best.metrics))
        };
        self.folder.append_trial(&KeptTrial {
            number: trial.number as u64,
            model: trial.params.kind().word().to_owned(),
            state: match trial.state {
                State::Complete => TrialState::Complete,
                State::Pruned => TrialState::Pruned,
                State::Failed => TrialState::Failed,
            },
            params: fields(&trial.params),
            value,
            folds: trial.folds.iter().filter_map(figure).collect(),
            started_ms: self.began.get(&trial.number).copied().unwrap_or_default(),
            finished_ms: now_ms(),
        })?;
        self.folder.append_history(&HistoryPoint {
            step: self.ended,
            time_ms: now_ms(),
            metrics: self.history(metric, value),
        })?;
        self.say(trial, value)
    }

    fn history(&self, metric: Metric, value: Option<f64>) -> BTreeMap<String, f64> {
        let best = self.best.as_ref().map(|(best, _)| *best);
        let word = metric.word();
        let both = [
            (format!("trial_{word}"), value),
            (format!("best_{word}"), best),
        ];
        both.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// A line for a log, where there is no terminal for the bar.
    fn say(&self, trial: &Trial, value: Option<f64>) -> Result<()> {
        if !self.bar.is_hidden() {
            return Ok(());
        }
        let metric = self.settings.metric.word();
        let state = match trial.state {
            State::Complete => "complete",
            State::Pruned => "given up",
            State::Failed => "failed",
        };
        let mut stderr = anstream::stderr().lock();
        write!(
            stderr,
            "trial {}/{} {} {state}",
            trial.number,
            self.settings.trials,
            trial.params.kind().word()
        )?;
        if let Some(value) = value {
            let folds = trial.folds.len();
            write!(stderr, ", {metric} {value:.4} over {folds} folds")?;
        }
        if let Some(error) = &trial.error {
            write!(stderr, " ({error})")?;
        }
        match &self.best {
            Some((best, whose)) => writeln!(stderr, "; best {best:.4} ({whose})")?,
            None => writeln!(stderr)?,
        }
        Ok(())
    }
}
