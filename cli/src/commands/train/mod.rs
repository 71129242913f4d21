//! `underwrite train`: reads arguments, `underwrite.toml` and files, trains by
//! [`model_train::pipeline`], and keeps and prints what comes out.

mod args;
mod config;
mod inputs;
mod plan;
mod recorder;
mod run_folder;
mod search_file;
mod settings;
mod summary;
mod values;

use std::io::Write;

use anyhow::{Context, Result};
use model_core::artifact::Artifact;
use model_tracking::folder::RunFolder;
use model_tracking::run::Status;
use model_tracking::tracker::Tracker;
use model_train::card::About;
use model_train::pack::pack;
use model_train::pipeline::{self, Job, Reports, TrainedModel};
use model_train::predictions;

use crate::config_file::ConfigFile;
use crate::{engine, files, interrupt, progress, terminal, tracking};

pub(crate) use args::Args;
use config::Config;
use inputs::TrainingInputs;
use recorder::Recorder;
use run_folder::Packed;
use settings::Settings;

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let file = ConfigFile::open(self.config.as_deref())?;
        let config = Config::read(file.as_ref())?;
        let tracking = tracking::Config::read(file.as_ref())?;
        let trackers = tracking::trackers(&self.tracking, &tracking)?;
        let settings = Settings::new(self, config, file.as_ref().map(ConfigFile::path))?;
        let read = inputs::read(&settings)?;
        plan::warn(&read.job)?;
        if settings.dry_run {
            plan::print(&settings, &read.job, &trackers)
        } else {
            train(&settings, read, &trackers)
        }
    }
}

fn train(
    settings: &Settings,
    mut read: TrainingInputs,
    trackers: &[Box<dyn Tracker>],
) -> Result<()> {
    let folder = run_folder::open(settings, &mut read.job, trackers)?;
    if read.job.is_search() {
        let control = read.job.control();
        interrupt::on_ctrl_c(move || control.stop());
    }
    let mut recorder = Recorder::new(folder);
    let trained = pipeline::run(&read.job, &mut recorder);
    let mut folder = recorder.finish();
    let done = match trained {
        Ok(trained) => complete(settings, &read, &trained, trackers, folder.as_mut()),
        Err(error) => Err(error.into()),
    };
    if let (Err(_), Some(folder)) = (&done, &mut folder)
        && folder.run().status == Status::Running
    {
        // What ended the training is the error to report, whatever becomes of this.
        let _ = folder.finish(Status::Failed);
    }
    done
}

/// Packs, keeps, reports and sends what was trained.
fn complete(
    settings: &Settings,
    TrainingInputs { job, schema }: &TrainingInputs,
    trained: &TrainedModel,
    trackers: &[Box<dyn Tracker>],
    mut folder: Option<&mut RunFolder>,
) -> Result<()> {
    let engine = engine::carried()?;
    let wasm = pack(engine.wasm, engine.glue, &trained.artifact)?;
    let mut figures = serde_json::to_vec_pretty(&trained.figures())?;
    figures.push(b'\n');
    let packed = Packed {
        schema,
        wasm: &wasm,
        figures: &figures,
    };
    save(settings, job, trained, &packed, folder.as_deref_mut())?;
    summary::print(settings, job, trained, wasm.len())?;
    // The model is safe: what fails from here on costs reports, not the model.
    let reported = report(settings, job, trained, folder.as_deref_mut());
    if let Some(folder) = folder {
        run_folder::finish(folder, trained)?;
        let path = folder.path().display();
        writeln!(terminal::stdout(), "run kept in {path}")?;
        // Trackers that rejected the run have already been reported.
        tracking::push(trackers, folder)?;
    }
    let out = settings.out.display();
    reported.with_context(|| format!("{out} is written, but not all of its reports are"))
}

/// Writes the model to the run folder and to `--out`; where one of them fails, the error says
/// where the model is.
fn save(
    settings: &Settings,
    job: &Job,
    trained: &TrainedModel,
    packed: &Packed<'_>,
    mut folder: Option<&mut RunFolder>,
) -> Result<()> {
    let kept = match &mut folder {
        Some(folder) => run_folder::keep(folder, job, trained, packed),
        None => Ok(()),
    };
    let written = files::write(&settings.out, packed.wasm);
    let saved_to = match (&kept, &written, folder) {
        (Err(_), Ok(()), _) => Some(settings.out.clone()),
        (Ok(()), Err(_), Some(folder)) => Some(folder.artifact_path("model.wasm")),
        _ => None,
    };
    let saved = kept.and(written);
    match saved_to {
        Some(path) => {
            let path = path.display();
            saved.with_context(|| format!("{path} is written, but not everything was kept"))?;
        }
        None => saved?,
    }
    if let Some(path) = &settings.metrics {
        files::write(path, packed.figures)?;
    }
    match &settings.predictions {
        Some(path) => files::write(path, &predictions(trained)?),
        None => Ok(()),
    }
}

/// The file of `--predictions`.
fn predictions(trained: &TrainedModel) -> Result<Vec<u8>> {
    let artifact = Artifact::decode(&trained.artifact)?;
    let (rows, target) = (trained.predictions(), &artifact.schema.target);
    let mut csv = Vec::new();
    predictions::write(&rows, target, artifact.threshold, &mut csv)?;
    Ok(csv)
}

/// Measures the model where someone wants its reports.
fn report(
    settings: &Settings,
    job: &Job,
    trained: &TrainedModel,
    folder: Option<&mut RunFolder>,
) -> Result<()> {
    if folder.is_none() && settings.report.is_none() {
        return Ok(());
    }
    let spinner = progress::spinner("Evaluating");
    let evaluation = pipeline::evaluate_trained(job, trained);
    spinner.finish_and_clear();
    let schema = job.inputs().schema();
    let about = About {
        document: settings.document.clone(),
        known: pipeline::development(job, trained),
        ..About::default()
    };
    let reports = Reports::new(&evaluation?, schema, &about)?;
    if let Some(folder) = folder {
        run_folder::keep_reports(folder, &reports)?;
    }
    match &settings.report {
        Some(path) => files::write(path, reports.html.as_bytes()),
        None => Ok(()),
    }
}
