//! The search of a run: kept in the run's folder as it goes, and gone on with later.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use model_files::{append_line, sha256_hex};
use model_tracking::folder::RunFolder;
use model_train::fit::{self, ClassWeight, Params};
use model_train::prepare::Prepared;
use model_train::reference;
use model_train::tune::{
    self, Control, Cost, Event, FrontierPoint, Metric, State, Trial, frontier,
};
use serde::{Deserialize, Serialize};

use super::decision::cross_validation;
use super::job::Inputs;
use super::run::{self, Recorder};
use super::settings::{Search, Settings};
use crate::interrupt;

/// The trials with all that the search needs to go on, one a line after a [`Header`].
const FILE: &str = "search.jsonl";

/// What a search came to.
pub(super) struct Found {
    /// What to fit on all training rows.
    pub(super) params: Params,
    /// The trial it comes from.
    pub(super) best: Trial,
    pub(super) trials: Vec<Trial>,
    pub(super) settings: tune::Settings,
    /// What the whole model costs.
    pub(super) cost: Cost,
    /// Whether Ctrl-C ended it.
    pub(super) interrupted: bool,
    seconds: f64,
}

/// What the figures say about a search.
#[derive(Serialize)]
pub(super) struct Summary {
    metric: Metric,
    /// Mean over the folds of the chosen trial.
    value: f64,
    trial: usize,
    params: Params,
    trials: usize,
    complete: usize,
    pruned: usize,
    failed: usize,
    folds: usize,
    seconds_search: f64,
    seconds_total: f64,
    /// Of the artifact.
    cost: Cost,
    frontier: Vec<FrontierPoint>,
}

/// What the trials of a file are trials of: all that decides about them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Header {
    underwrite_version: String,
    data_sha256: String,
    /// Of the rows to learn from, the schema and the spaces.
    setting_sha256: String,
    seed: u64,
    folds: usize,
    metric: Metric,
    budget: tune::Budget,
}

/// Runs the search; its run's folder is begun, or gone on with.
pub(super) fn run(
    search: &Search,
    settings: &Settings,
    inputs: &Inputs,
) -> Result<(Found, RunFolder)> {
    let start = Instant::now();
    let search = &beside_the_sketch(search, inputs)?;
    let objective = cross_validation(settings, inputs)?;
    let header = Header::new(search, settings.class_weight, inputs);
    let (folder, finished) = open(search, settings, inputs, &header)?;
    let deadline = search
        .timeout
        .and_then(|timeout| start.checked_add(timeout));
    let control = Arc::new(Control::until(deadline));
    let stopping = Arc::clone(&control);
    interrupt::on_ctrl_c(move || stopping.stop());
    let recorder = Recorder::new(folder, &search.settings, &finished);
    let recorder = Mutex::new(recorder);
    let observe = |event: Event<'_>| {
        let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        if recorder.record(event).is_err() {
            control.stop();
        }
    };
    let trials = tune::search(
        &objective,
        &search.spaces,
        &search.settings,
        &control,
        finished,
        &observe,
    )?;
    let recorder = recorder
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let folder = recorder.finish()?;
    let best = tune::best(&trials, &search.settings)?.clone();
    let mut params = tune::chosen(&best, &search.settings);
    let budget = &search.settings.budget;
    if budget.gzip_bytes.is_some() || budget.nanoseconds.is_some() {
        params = affordable(search, settings, inputs, params)?;
    }
    let found = Found {
        params,
        best,
        trials,
        settings: search.settings.clone(),
        cost: Cost::default(),
        interrupted: control.is_stopped(),
        seconds: start.elapsed().as_secs_f64(),
    };
    Ok((found, folder))
}

/// The same search, less room for the model where a size was asked for: the artifact also holds
/// a sketch of the training rows, and later of the answers to the test rows.
fn beside_the_sketch(search: &Search, inputs: &Inputs) -> Result<Search> {
    const ANSWERS: u64 = 1_000;
    let mut search = search.clone();
    if let Some(room) = &mut search.settings.budget.gzip_bytes {
        let sketch = reference::of_rows(&inputs.dataset, &inputs.schema, &inputs.split.train);
        let taken = tune::gzipped(&sketch.encode()) + ANSWERS;
        ensure!(
            *room > taken,
            "--max-size: what the file tells about its training rows takes {taken} bytes, \
             {room} are left for it and the model: allow more"
        );
        *room -= taken;
    }
    Ok(search)
}

/// Where a size or latency was asked for, the model of all training rows has to keep to it.
fn affordable(
    search: &Search,
    settings: &Settings,
    inputs: &Inputs,
    params: Params,
) -> Result<Params> {
    let budget = &search.settings.budget;
    let (schema, split) = (&inputs.schema, inputs.split.clone());
    let prepared = Prepared::new(inputs.dataset.clone(), schema, split)?;
    let options = fit::Options {
        seed: settings.seed,
        jobs: settings.jobs,
        class_weight: settings.class_weight,
    };
    Ok(tune::within_budget(
        &prepared, schema, params, &options, budget,
    )?)
}

/// A new run, or the one to go on with and its trials.
fn open(
    search: &Search,
    settings: &Settings,
    inputs: &Inputs,
    header: &Header,
) -> Result<(RunFolder, Vec<Trial>)> {
    let Some(name) = &search.resume else {
        let folder = run::create(settings, inputs)?;
        let line = serde_json::to_string(header)?;
        let file = folder.path().join(FILE);
        append_line(&file, &line).with_context(|| format!("cannot write {}", file.display()))?;
        return Ok((folder, Vec::new()));
    };
    let folder = RunFolder::find(&settings.runs, name)?;
    let file = folder.path().join(FILE);
    let text = fs::read_to_string(&file)
        .with_context(|| format!("--resume: cannot read {}", file.display()))?;
    let trials = header.read(&file, &text)?;
    Ok((folder, trials))
}

impl Header {
    fn new(search: &Search, weight: ClassWeight, inputs: &Inputs) -> Self {
        let settings = &search.settings;
        let (schema, rows) = (&inputs.schema, &inputs.split.train);
        let decided = format!("{:?}\n{weight:?}\n{schema:?}\n{rows:?}", search.spaces);
        Self {
            underwrite_version: env!("CARGO_PKG_VERSION").to_owned(),
            data_sha256: inputs.dataset.sha256.clone(),
            setting_sha256: sha256_hex(decided),
            seed: settings.seed,
            folds: settings.folds,
            metric: settings.metric,
            budget: settings.budget,
        }
    }

    /// The trials of a file, if they are trials of the same thing. Half a line at the end is
    /// passed over.
    fn read(&self, file: &std::path::Path, text: &str) -> Result<Vec<Trial>> {
        let name = file.display();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut lines = whole.lines();
        let first = lines.next().unwrap_or_default();
        let other: Self = serde_json::from_str(first).with_context(|| format!("{name}, line 1"))?;
        let differs = [
            (
                self.underwrite_version != other.underwrite_version,
                "program version",
            ),
            (self.data_sha256 != other.data_sha256, "data"),
            (self.seed != other.seed, "--seed"),
            (self.folds != other.folds, "--folds"),
            (self.metric != other.metric, "--metric"),
            (self.budget != other.budget, "--max-size or --max-latency"),
            (
                self.setting_sha256 != other.setting_sha256,
                "schema, test rows, class weight or models",
            ),
        ];
        if let Some((_, what)) = differs.iter().find(|(differs, _)| *differs) {
            bail!(
                "--resume: the trials in {name} are of another {what}: give what they were begun with, or begin anew without --resume"
            );
        }
        lines
            .enumerate()
            .map(|(line, text)| {
                serde_json::from_str(text).with_context(|| format!("{name}, line {}", line + 2))
            })
            .collect()
    }
}

/// Keeps a trial for a later run.
pub(super) fn append(folder: &RunFolder, trial: &Trial) -> Result<()> {
    let file: PathBuf = folder.path().join(FILE);
    let line = serde_json::to_string(trial)?;
    append_line(&file, &line).with_context(|| format!("cannot write {}", file.display()))
}

impl Search {
    /// What would be done.
    pub(super) fn print(&self, to: &mut impl Write) -> Result<()> {
        let settings = &self.settings;
        ensure!(!self.spaces.is_empty(), "no model is named");
        let metric = settings.metric.word();
        write!(to, "search {} trials by {metric}", settings.trials)?;
        write!(to, ", {} folds of the rows to learn from", settings.folds)?;
        match self.timeout {
            Some(timeout) => writeln!(to, ", at most {}", humantime::format_duration(timeout))?,
            None => writeln!(to)?,
        }
        for space in &self.spaces {
            writeln!(to, "  {}", space.kind().word())?;
            for dimension in space.dimensions() {
                writeln!(to, "    {} {}", dimension.name, dimension.scale)?;
            }
        }
        Ok(())
    }
}

impl Found {
    pub(super) fn value(&self) -> f64 {
        let tune::Settings { metric, budget, .. } = &self.settings;
        self.best.value(*metric, budget).unwrap_or(f64::NAN)
    }

    /// Notes the size of what came out; its time is what the trial's folds took.
    pub(super) fn measure(&mut self, artifact: &[u8]) {
        let tune::Settings { metric, budget, .. } = &self.settings;
        let points = self
            .best
            .folds
            .iter()
            .filter_map(|fold| fold.best(*metric, budget));
        let times: Vec<f64> = points.map(|point| point.cost.nanoseconds).collect();
        let bags = match &self.params {
            Params::GradientBoosting(boosting) => boosting.bags as f64,
            _ => 1.0,
        };
        self.cost = Cost {
            bytes: artifact.len() as u64,
            gzip_bytes: tune::gzipped(artifact),
            nanoseconds: bags * times.iter().sum::<f64>() / times.len().max(1) as f64,
        };
    }

    pub(super) fn frontier(&self) -> Vec<FrontierPoint> {
        frontier(&self.trials, self.settings.metric)
    }

    pub(super) fn summary(&self, total: Duration) -> Summary {
        let count = |state| self.trials.iter().filter(|t| t.state == state).count();
        Summary {
            metric: self.settings.metric,
            value: self.value(),
            trial: self.best.number,
            params: self.params,
            trials: self.trials.len(),
            complete: count(State::Complete),
            pruned: count(State::Pruned),
            failed: count(State::Failed),
            folds: self.settings.folds,
            seconds_search: self.seconds,
            seconds_total: total.as_secs_f64(),
            cost: self.cost,
            frontier: self.frontier(),
        }
    }

    pub(super) fn print(&self, to: &mut impl Write) -> Result<()> {
        let tune::Settings { metric, budget, .. } = &self.settings;
        let word = metric.word();
        writeln!(
            to,
            "chosen by {word} {:.4} over {} folds: trial {} of {}, in {:.0} s",
            self.value(),
            self.settings.folds,
            self.best.number,
            self.trials.len(),
            self.seconds
        )?;
        let leader = tune::leader(&self.trials, &self.settings)?;
        if leader.number != self.best.number {
            let value = leader.value(*metric, budget).unwrap_or(f64::NAN);
            writeln!(
                to,
                "  (trial {} has {value:.4}, within one standard error; this one has the better Brier score)",
                leader.number
            )?;
        }
        writeln!(to, "  {}", serde_json::to_string(&self.params)?)?;
        let Cost {
            gzip_bytes,
            nanoseconds,
            ..
        } = self.cost;
        writeln!(
            to,
            "  {:.1} KB gzipped, about {nanoseconds:.0} ns a row",
            gzip_bytes as f64 / 1000.0
        )?;
        writeln!(to, "what {word} costs, by cross-validation:")?;
        writeln!(to, "  {word:<10} gzipped KB  ns a row  trees  model")?;
        for point in shown(&self.frontier(), *metric) {
            writeln!(
                to,
                "  {:<10.4} {:>10.1} {:>9.0} {:>6}  {}, trial {}",
                point.value,
                point.cost.gzip_bytes as f64 / 1000.0,
                point.cost.nanoseconds,
                point.trees,
                point.model,
                point.trial
            )?;
        }
        Ok(())
    }
}

/// Enough of a long frontier to see its course: each better than those before it and at least
/// half as large again, and the best.
fn shown(frontier: &[FrontierPoint], metric: Metric) -> Vec<&FrontierPoint> {
    let loss = |point: &FrontierPoint| metric.loss(point.value);
    let best = frontier.iter().map(loss).fold(f64::INFINITY, f64::min);
    let mut shown: Vec<&FrontierPoint> = Vec::new();
    for point in frontier {
        let bytes = |point: &FrontierPoint| point.cost.gzip_bytes;
        let further = |last: &&FrontierPoint| {
            loss(point) < loss(last) && (bytes(point) * 2 >= bytes(last) * 3 || loss(point) == best)
        };
        if shown.last().is_none_or(further) {
            shown.push(point);
        }
    }
    shown
}
