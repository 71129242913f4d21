//! What would be done, and what is odd about the data and the schema.

use std::io::Write;

use anyhow::Result;
use model_core::model::ModelKind;
use model_tracking::tracker::Tracker;
use model_train::calibrate::Method;
use model_train::fit::ClassWeight;
use model_train::pipeline::{Hyperparameters, Job, Options, SearchOptions};
use model_train::report::threshold_in_words;
use model_train::tune::FoldsBy;

use super::run_folder;
use super::settings::Settings;
use crate::terminal;

/// Warns about what does not prevent training.
pub(super) fn warn(job: &Job) -> Result<()> {
    for warning in job.warnings() {
        writeln!(terminal::stderr(), "warning: {warning}")?;
    }
    Ok(())
}

/// What `--dry-run` prints.
pub(super) fn print(settings: &Settings, job: &Job, trackers: &[Box<dyn Tracker>]) -> Result<()> {
    let mut out = terminal::stdout();
    print_inputs(&mut out, settings, job)?;
    let options = job.options();
    match &options.hyperparameters {
        Hyperparameters::Fixed(params) | Hyperparameters::Recorded(params, _) => {
            writeln!(out, "fit {}", serde_json::to_string(params)?)?;
        }
        Hyperparameters::Defaults(space) => {
            let space = space.for_rows(job.inputs().split().train.len())?;
            writeln!(out, "fit {}", serde_json::to_string(space.base())?)?;
            if space.kind() == ModelKind::GradientBoosting && space.is_default("trees") {
                writeln!(out, "  as many of the trees as cross-validation keeps")?;
            }
        }
        Hyperparameters::Searched(search) => print_search(&mut out, search, job)?,
    }
    print_decision(&mut out, options)?;
    writeln!(
        out,
        "random seed {}, {} threads",
        options.seed, options.jobs
    )?;
    for file in settings.outputs() {
        writeln!(out, "write {}", file.display())?;
    }
    if run_folder::is_wanted(settings, trackers) {
        writeln!(out, "keep the run in {}/", settings.runs.display())?;
    }
    for tracker in trackers {
        writeln!(out, "send it to {}", tracker.name())?;
    }
    Ok(())
}

fn print_inputs(out: &mut impl Write, settings: &Settings, job: &Job) -> Result<()> {
    let (data, schema) = (settings.data.display(), settings.schema.display());
    let inputs = job.inputs();
    let names: Vec<&str> = inputs.schema().inputs().map(|f| f.name.as_str()).collect();
    let (rows, count) = (inputs.dataset().rows(), names.len());
    writeln!(out, "{data} with {schema}: {rows} rows, {count} inputs")?;
    writeln!(out, "  {}", names.join(", "))?;
    if !inputs.protected().is_empty() {
        writeln!(out, "  protected: {}", inputs.protected().join(", "))?;
    }
    writeln!(out, "  {}", inputs.approval_in_words())?;
    let split = inputs.split();
    let (train, test) = (split.train.len(), split.test.len());
    if let Some(sentence) = inputs.kept_out_in_words() {
        writeln!(out, "  {sentence}")?;
    }
    match inputs.test_from() {
        Some(from) => writeln!(
            out,
            "train on {train} rows, measure on {test} later ones, from {from} on"
        )?,
        None => writeln!(out, "train on {train} rows, measure on {test} others")?,
    }
    Ok(())
}

fn print_search(out: &mut impl Write, search: &SearchOptions, job: &Job) -> Result<()> {
    let (metric, folds) = (search.metric.word(), job.options().folds);
    write!(out, "tune with {} trials by {metric}", search.trials)?;
    write!(out, ", {folds} folds of the training rows")?;
    if job.options().folds_by == FoldsBy::Time {
        write!(out, " by time")?;
    }
    match search.timeout {
        Some(timeout) => writeln!(out, ", at most {}", humantime::format_duration(timeout))?,
        None => writeln!(out)?,
    }
    for space in job.spaces() {
        writeln!(out, "  {}", space.kind().word())?;
        for dimension in space.dimensions() {
            writeln!(out, "    {} {}", dimension.name, dimension.scale)?;
        }
    }
    Ok(())
}

fn print_decision(out: &mut impl Write, options: &Options) -> Result<()> {
    match options.class_weight {
        ClassWeight::None => {}
        ClassWeight::Balanced => writeln!(out, "class weights: balanced")?,
        ClassWeight::Explicit { negative, positive } => {
            writeln!(
                out,
                "class weights: negative {negative}, positive {positive}"
            )?;
        }
    }
    if options.calibration != Method::None {
        writeln!(out, "calibration: {}", options.calibration.word())?;
    }
    let threshold = threshold_in_words(options.threshold);
    writeln!(out, "threshold: {threshold}")?;
    Ok(())
}
