//! Reads the files of a training run into a checked job.

use std::path::Path;

use anyhow::{Error, Result};
use model_core::policy::Policy;
use model_train::pipeline::{InputError, InputOptions, Inputs, Job, PipelineError, Source};

use super::settings::Settings;
use crate::{files, progress, terminal};

/// What was read.
pub(super) struct TrainingInputs {
    /// The checked job.
    pub(super) job: Job,
    /// The text of the schema, which people may go on editing during a long search.
    pub(super) schema: String,
}

/// Everything that could fail later for a reason that is known now fails here.
pub(super) fn read(settings: &Settings) -> Result<TrainingInputs> {
    check_paths(settings)?;
    let text = files::schema_text(&settings.schema)?;
    let schema = files::parse_schema_file(&settings.schema, &text)?;
    let mut stderr = terminal::stderr();
    files::report_warnings(
        &mut stderr,
        &settings.schema,
        &schema.warnings,
        settings.strict,
    )?;
    let data = files::Source::open_for(&settings.data, &[&schema.schema])?;
    let bar = progress::bytes(data.len, "Reading");
    let test_rows = settings.test_rows.as_deref().map(files::Source::open);
    let options = InputOptions {
        schema: schema.schema,
        features: settings.features.clone(),
        allow_protected: settings.allow_protected,
        data: Source::new(data.name, data.bytes),
        test_rows: test_rows
            .transpose()?
            .map(|rows| Source::new(rows.name, rows.bytes)),
        out_of_time: settings.out_of_time,
        outcome_missing: settings.outcome_missing,
        seed: settings.options.seed,
    };
    let inputs = Inputs::read(options, |read| bar.set_position(read));
    bar.finish_and_clear();
    let inputs = inputs.map_err(|error| in_input(settings, error))?;
    let mut training = settings.options.clone();
    training.policy = policy(settings, &inputs)?;
    let job = Job::new(inputs, training).map_err(|error| in_option(settings, error))?;
    Ok(TrainingInputs { job, schema: text })
}

/// The lending rules, for the inputs that are used.
fn policy(settings: &Settings, inputs: &Inputs) -> Result<Option<Policy>> {
    let Some(path) = &settings.policy else {
        return Ok(None);
    };
    let file = files::read_policy(path, inputs.schema())?;
    files::report_warnings(
        &mut terminal::stderr(),
        path,
        &file.warnings,
        settings.strict,
    )?;
    Ok(Some(file.policy))
}

fn check_paths(settings: &Settings) -> Result<()> {
    let mut read = vec![
        ("--data", Some(settings.data.as_path())),
        ("--schema", Some(&settings.schema)),
        ("--policy", settings.policy.as_deref()),
        ("--test-rows", settings.test_rows.as_deref()),
    ];
    let others = settings.read.iter();
    read.extend(others.map(|(flag, path)| (*flag, Some(path.as_path()))));
    files::keep_apart(
        &read,
        &[
            ("--out", Some(&settings.out)),
            ("--metrics", settings.metrics.as_deref()),
            ("--predictions", settings.predictions.as_deref()),
            ("--report", settings.report.as_deref()),
        ],
    )?;
    for path in settings.outputs() {
        files::check_writable(path)?;
    }
    Ok(())
}

/// Names the flag or the file that an error is about, where the error does not do so itself.
fn in_input(settings: &Settings, error: InputError) -> Error {
    let context = match &error {
        InputError::Features(_) => "--features".to_owned(),
        InputError::ReservedName => settings.schema.display().to_string(),
        _ => return error.into(),
    };
    Error::new(error).context(context)
}

fn in_option(settings: &Settings, error: PipelineError) -> Error {
    match error {
        PipelineError::Policy(_) => {
            let path = settings.policy.as_deref().unwrap_or(Path::new("--policy"));
            Error::new(error).context(path.display().to_string())
        }
        PipelineError::NoRoom { .. } => Error::new(error).context("--max-size"),
        _ => error.into(),
    }
}
