//! What would be done, and what the data and the schema say about it beforehand.

use std::io::Write;

use anyhow::{Result, ensure};
use model_core::schema::{Missing, Schema};
use model_tracking::tracker::Tracker;
use model_train::calibrate::Method;
use model_train::fit::{self, ClassWeight};
use model_train::report::threshold_in_words;

use super::job::Inputs;
use super::settings::{Plan, Settings};

/// Says what is odd about the rows to learn from; nothing of it hinders training.
pub(super) fn warn(inputs: &Inputs) -> Result<()> {
    let name = inputs.dataset.name();
    let train = &inputs.split.train;
    for (feature, values) in inputs.schema.inputs().zip(&inputs.dataset.columns) {
        let mut values = train.iter().map(|&row| values[row]);
        let Some(first) = values.next() else {
            continue;
        };
        if first.is_nan() && feature.missing != Missing::Native {
            // Nothing to fill in: that is an error when policies are applied.
            continue;
        }
        if values.all(|value| value == first || (value.is_nan() && first.is_nan())) {
            writeln!(
                anstream::stderr(),
                "warning: {name}, column '{}': the same in every row to learn from, so it tells nothing: give it role = \"ignored\", or leave it out with --features",
                feature.name
            )?;
        }
    }
    Ok(())
}

impl Plan {
    /// Leaves out the models that cannot do what the schema asks for; one that was named is an
    /// error.
    pub(super) fn keep_to(&mut self, schema: &Schema) -> Result<()> {
        let search = match self {
            Self::Fit(params) => return Ok(fit::check_abilities(schema, params.kind())?),
            Self::Search(search) => search,
        };
        let mut able = Vec::with_capacity(search.spaces.len());
        for space in search.spaces.drain(..) {
            match fit::check_abilities(schema, space.kind()) {
                Ok(()) => able.push(space),
                Err(error) if search.is_named => return Err(error.into()),
                Err(error) => {
                    let model = space.kind().word();
                    writeln!(anstream::stderr(), "note: {model} is left out: {error}")?;
                }
            }
        }
        ensure!(!able.is_empty(), "no model can do what the schema asks for");
        search.spaces = able;
        Ok(())
    }
}

/// What `--dry-run` prints.
pub(super) fn print(
    settings: &Settings,
    inputs: &Inputs,
    trackers: &[Box<dyn Tracker>],
) -> Result<()> {
    let mut out = anstream::stdout().lock();
    let (data, schema) = (settings.data.display(), settings.schema.display());
    let Inputs { dataset, split, .. } = inputs;
    let names: Vec<&str> = inputs.schema.inputs().map(|f| f.name.as_str()).collect();
    let (rows, count) = (dataset.rows(), names.len());
    writeln!(out, "{data} with {schema}: {rows} rows, {count} inputs")?;
    writeln!(out, "  {}", names.join(", "))?;
    if !inputs.protected.is_empty() {
        writeln!(out, "  protected: {}", inputs.protected.join(", "))?;
    }
    let (train, test) = (split.train.len(), split.test.len());
    writeln!(out, "learn from {train} rows, measure on {test} others")?;
    match &settings.plan {
        Plan::Fit(params) => writeln!(out, "fit {}", serde_json::to_string(params)?)?,
        Plan::Search(search) => search.print(&mut out)?,
    }
    print_rules(&mut out, settings)?;
    let (seed, jobs) = (settings.seed, settings.jobs);
    writeln!(out, "seed {seed}, {jobs} threads")?;
    let files = [
        Some(&settings.out),
        settings.metrics.as_ref(),
        settings.report.as_ref(),
    ];
    for file in files.into_iter().flatten() {
        writeln!(out, "write {}", file.display())?;
    }
    if settings.keeps_run(trackers) {
        writeln!(out, "keep the run in {}/", settings.runs.display())?;
    }
    for tracker in trackers {
        writeln!(out, "send it to {}", tracker.name())?;
    }
    Ok(())
}

fn print_rules(out: &mut impl Write, settings: &Settings) -> Result<()> {
    let rules = settings.rules;
    match settings.class_weight {
        ClassWeight::None => {}
        ClassWeight::Balanced => writeln!(out, "class weights: balanced")?,
        ClassWeight::Explicit { negative, positive } => {
            writeln!(out, "class weights: no {negative}, yes {positive}")?;
        }
    }
    if rules.calibration != Method::None {
        writeln!(out, "calibration: {}", rules.calibration.word())?;
    }
    writeln!(out, "threshold: {}", threshold_in_words(rules.threshold))?;
    Ok(())
}

impl Settings {
    /// Whether a run folder is made.
    pub(super) fn keeps_run(&self, trackers: &[Box<dyn Tracker>]) -> bool {
        matches!(self.plan, Plan::Search(_)) || self.is_kept || !trackers.is_empty()
    }
}
