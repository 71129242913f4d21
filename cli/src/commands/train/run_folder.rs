//! The folder of a training run: what is written into it, and when.

use std::collections::BTreeMap;

use anyhow::Result;
use model_core::artifact::{Artifact, digest};
use model_files::sha256_hex;
use model_tracking::folder::{NewRun, RunFolder};
use model_tracking::run::{Dataset, Model, Status};
use model_tracking::tracker::Tracker;
use model_train::fit::Params;
use model_train::pipeline::{Job, Reports, TrainedModel};
use serde_json::Value;

use super::search_file;
use super::settings::Settings;
use crate::{files, tracking};

/// What is kept of a packed model.
pub(super) struct Packed<'a> {
    /// `schema.toml`, as it was read.
    pub(super) schema: &'a str,
    /// `model.wasm`.
    pub(super) wasm: &'a [u8],
    /// `metrics.json`.
    pub(super) figures: &'a [u8],
}

/// Whether a run folder is made.
pub(super) fn is_wanted(settings: &Settings, trackers: &[Box<dyn Tracker>]) -> bool {
    settings.options.is_search() || settings.asks_for_run || !trackers.is_empty()
}

/// The run to resume, with its trials given to the job; else a new folder, where one is
/// wanted.
pub(super) fn open(
    settings: &Settings,
    job: &mut Job,
    trackers: &[Box<dyn Tracker>],
) -> Result<Option<RunFolder>> {
    if !is_wanted(settings, trackers) {
        return Ok(None);
    }
    let Some(identity) = job.search_identity() else {
        return create(settings, job).map(Some);
    };
    if let Some(name) = &settings.resume {
        let mut folder = RunFolder::find(&settings.runs, name)?;
        job.resume(search_file::read(&folder, &identity)?);
        // Only a search that can go on is running again.
        folder.resume()?;
        return Ok(Some(folder));
    }
    let folder = create(settings, job)?;
    search_file::begin(&folder, &identity)?;
    Ok(Some(folder))
}

fn create(settings: &Settings, job: &Job) -> Result<RunFolder> {
    let new = NewRun {
        name: settings.run_name.clone(),
        experiment: tracking::EXPERIMENT.to_owned(),
        command: std::env::args().collect(),
        params: settings_of(job),
        tags: BTreeMap::new(),
        dataset: Some(dataset(settings, job)),
    };
    files::keep_out_of_logs(&settings.runs.join("run"))?;
    Ok(RunFolder::create(&settings.runs, new)?)
}

/// What was asked for, by name.
fn settings_of(job: &Job) -> BTreeMap<String, Value> {
    let mut params = BTreeMap::from([("seed".to_owned(), Value::from(job.options().seed))]);
    if let Some(search) = job.search() {
        let models = job.spaces().iter().map(|space| space.kind().word());
        params.extend([
            ("models".to_owned(), models.collect::<Vec<_>>().into()),
            ("trials".to_owned(), search.trials.into()),
            ("folds".to_owned(), search.folds.into()),
            ("metric".to_owned(), search.metric.word().into()),
        ]);
    }
    params
}

fn dataset(settings: &Settings, job: &Job) -> Dataset {
    let stem = settings.data.file_stem().unwrap_or_default();
    let inputs = job.inputs();
    Dataset {
        name: stem.to_string_lossy().into_owned(),
        source: settings.data.display().to_string(),
        sha256: inputs.dataset().sha256.clone(),
        rows: inputs.dataset().rows() as u64,
        target: inputs.schema().target.name.clone(),
        columns: Vec::new(),
    }
}

/// Puts the trained model into the folder. Of a resumed run nothing stays that is said of its
/// earlier model.
pub(super) fn keep(
    folder: &mut RunFolder,
    job: &Job,
    trained: &TrainedModel,
    packed: &Packed<'_>,
) -> Result<()> {
    let artifact = Artifact::decode(&trained.artifact)?;
    let sha256 = sha256_hex(packed.wasm);
    let files = [
        ("model.wasm", packed.wasm),
        ("schema.toml", packed.schema.as_bytes()),
        ("metrics.json", packed.figures),
    ];
    let earlier = folder.run().model.as_ref();
    if earlier.is_some_and(|model| model.sha256 != sha256) {
        // First of all: whatever ends this, the reports of one model never stand beside another.
        folder.retain_artifacts(|name| files.iter().any(|(kept, _)| *kept == name))?;
    }
    for (name, content) in files {
        folder.add_artifact(name, content)?;
    }
    folder.update(|run| {
        run.command = std::env::args().collect();
        run.params = settings_of(job);
        run.params.extend(fields(&trained.params));
        run.metrics.clear();
        if let Some(selection) = &trained.selection {
            let metric = selection.settings.metric.word();
            let value = selection.value();
            run.metrics.insert(format!("cv_{metric}"), value);
        }
        for (name, value) in trained.report.metrics.named() {
            run.metrics.insert(name.to_owned(), value);
        }
        let seconds = trained.report.seconds_fit;
        run.metrics.insert("seconds_fit".to_owned(), seconds);
        run.model = Some(Model {
            name: artifact.schema.name.clone(),
            version: artifact.schema.version.clone(),
            digest: digest(&trained.artifact).unwrap_or_default(),
            sha256,
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

/// Ends the run: everything is on the disk.
pub(super) fn finish(folder: &mut RunFolder, trained: &TrainedModel) -> Result<()> {
    let interrupted = trained
        .selection
        .as_ref()
        .is_some_and(|found| found.interrupted);
    let status = if interrupted {
        Status::Interrupted
    } else {
        Status::Finished
    };
    Ok(folder.finish(status)?)
}

/// Hyperparameters by their keys, the model's word among them.
pub(super) fn fields(params: &Params) -> BTreeMap<String, Value> {
    match serde_json::to_value(params) {
        Ok(Value::Object(fields)) => fields.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}
