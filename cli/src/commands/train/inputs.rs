//! Reads the files of a training run into a checked job.

use anyhow::{Error, Result};
use model_train::pipeline::{InputError, InputOptions, Inputs, Job, PipelineError, Source};

use super::settings::Settings;
use crate::{files, progress};

/// Everything that could fail later for a reason that is known now fails here.
pub(super) fn read(settings: &Settings) -> Result<Job> {
    check_paths(settings)?;
    let schema = files::read_schema(&settings.schema)?;
    let data = files::Source::open(&settings.data)?;
    let bar = progress::bytes(data.len, "Reading");
    let test_rows = settings.test_rows.as_deref().map(files::Source::open);
    let options = InputOptions {
        schema,
        features: settings.features.clone(),
        allow_protected: settings.allow_protected,
        data: Source::new(data.name, data.bytes),
        test_rows: test_rows
            .transpose()?
            .map(|rows| Source::new(rows.name, rows.bytes)),
        seed: settings.options.seed,
    };
    let inputs = Inputs::read(options, |read| bar.set_position(read));
    bar.finish_and_clear();
    let inputs = inputs.map_err(|error| in_input(settings, error))?;
    Job::new(inputs, settings.options.clone()).map_err(in_option)
}

fn check_paths(settings: &Settings) -> Result<()> {
    files::keep_apart(
        &[
            ("--data", Some(&settings.data)),
            ("--schema", Some(&settings.schema)),
            ("--test-rows", settings.test_rows.as_deref()),
        ],
        &[
            ("--out", Some(&settings.out)),
            ("--metrics", settings.metrics.as_deref()),
            ("--report", settings.report.as_deref()),
        ],
    )?;
    if let Some(path) = &settings.report {
        files::make_folder_of(path)?;
    }
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

fn in_option(error: PipelineError) -> Error {
    match error {
        PipelineError::NoRoom { .. } => Error::new(error).context("--max-size"),
        _ => error.into(),
    }
}
