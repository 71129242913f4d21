//! A training run from its settings to the files it leaves.

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use model_core::schema::{Role, Schema};
use model_train::dataset::Dataset;
use model_train::fit::{ClassWeight, Params};
use model_train::pack::pack;
use model_train::split::{self, Split};
use model_train::train::{Options, Report, Trained, train};
use serde::Serialize;

use super::run;
use super::search::{self, Found};
use super::settings::{Plan, Settings};
use crate::{engine, files, progress};

/// What a run is made from, all of it checked.
pub(super) struct Inputs {
    pub(super) schema: Schema,
    pub(super) dataset: Dataset,
    pub(super) split: Split,
}

/// What `--metrics` writes.
#[derive(Serialize)]
pub(super) struct Figures<'a> {
    #[serde(flatten)]
    pub(super) report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) search: Option<search::Summary>,
}

pub(super) fn run(settings: &Settings) -> Result<()> {
    let start = Instant::now();
    let inputs = read(settings)?;
    if settings.dry_run {
        return print_plan(settings, &inputs);
    }
    let (params, mut found) = match &settings.plan {
        Plan::Fit(params) => (*params, None),
        Plan::Search(search) => {
            let found = search::run(search, settings, &inputs)?;
            (found.params, Some(found))
        }
    };
    let trained = fit(settings, inputs, params)?;
    let wasm = pack(engine::WASM, engine::GLUE, &trained.artifact)?;
    let figures = Figures {
        report: &trained.report,
        search: found.as_ref().map(|found| found.summary(start.elapsed())),
    };
    let mut json = serde_json::to_vec_pretty(&figures)?;
    json.push(b'\n');
    if let Some(found) = &mut found {
        run::keep(found, settings, &trained, &wasm, &json)?;
    }
    if let Some(path) = &settings.metrics {
        files::write(path, &json)?;
    }
    files::write(&settings.out, &wasm)?;
    print(settings, &trained.report, found.as_ref(), wasm.len())
}

fn read(settings: &Settings) -> Result<Inputs> {
    let schema = files::read_schema(&settings.schema)?;
    let schema = with_features(schema, settings)?;
    for path in [Some(&settings.out), settings.metrics.as_ref()]
        .into_iter()
        .flatten()
    {
        files::check_writable(path)?;
    }
    let dataset = read_data(settings, &schema)?;
    let split = read_split(settings, &dataset)?;
    Ok(Inputs {
        schema,
        dataset,
        split,
    })
}

/// The schema with the inputs that were asked for; the others are ignored.
fn with_features(mut schema: Schema, settings: &Settings) -> Result<Schema> {
    let Some(wanted) = &settings.features else {
        return Ok(schema);
    };
    let name = settings.schema.display();
    for wanted in wanted {
        let Some(feature) = schema.features.iter().find(|f| f.name == *wanted) else {
            let hint = match schema.nearest_feature(wanted) {
                Some(nearest) => format!("; did you mean '{nearest}'?"),
                None => String::new(),
            };
            bail!("--features: {name} has no feature '{wanted}'{hint}");
        };
        match feature.role {
            Role::Input => {}
            Role::Protected => bail!(
                "--features: '{wanted}' is protected in {name}: it is for audits, never to decide"
            ),
            Role::Ignored => bail!("--features: '{wanted}' is ignored in {name}"),
        }
    }
    for feature in &mut schema.features {
        if feature.role == Role::Input && !wanted.contains(&feature.name) {
            feature.role = Role::Ignored;
        }
    }
    ensure!(schema.inputs().count() > 0, "--features names no input");
    Ok(schema)
}

fn read_data(settings: &Settings, schema: &Schema) -> Result<Dataset> {
    let source = files::Source::open(&settings.data)?;
    let bar = progress::bytes(source.len, "Reading");
    let dataset = Dataset::from_reader(source.bytes, &source.name, schema, |read| {
        bar.set_position(read);
    })?;
    bar.finish_and_clear();
    Ok(dataset)
}

fn read_split(settings: &Settings, dataset: &Dataset) -> Result<Split> {
    let Some(path) = &settings.test_rows else {
        return Ok(split::stratified(&dataset.target, settings.seed)?);
    };
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    Ok(split::from_file(file, &name, &dataset.target)?)
}

/// Fits on all training rows, and touches the test rows for the first and only time.
fn fit(settings: &Settings, inputs: Inputs, params: Params) -> Result<Trained> {
    let options = Options {
        params,
        class_weight: ClassWeight::None,
        jobs: settings.jobs,
        seed: settings.seed,
        engine_sha256: engine::sha256(),
        underwrite_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let spinner = progress::spinner("Fitting");
    let trained = train(inputs.dataset, &inputs.schema, inputs.split, &options)?;
    spinner.finish_and_clear();
    Ok(trained)
}

fn print_plan(settings: &Settings, inputs: &Inputs) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    let (data, schema) = (settings.data.display(), settings.schema.display());
    let Inputs { dataset, split, .. } = inputs;
    let inputs = inputs.schema.inputs().count();
    writeln!(
        stdout,
        "{data} with {schema}: {} rows, {inputs} inputs",
        dataset.rows()
    )?;
    let (train, test) = (split.train.len(), split.test.len());
    writeln!(stdout, "learn from {train} rows, measure on {test} others")?;
    match &settings.plan {
        Plan::Fit(params) => {
            writeln!(stdout, "fit {}", serde_json::to_string(params)?)?;
        }
        Plan::Search(search) => search.print(&mut stdout)?,
    }
    let (seed, jobs) = (settings.seed, settings.jobs);
    writeln!(stdout, "seed {seed}, {jobs} threads")?;
    writeln!(stdout, "write {}", settings.out.display())?;
    Ok(())
}

fn print(settings: &Settings, report: &Report, found: Option<&Found>, bytes: usize) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    writeln!(
        stdout,
        "{} on {} rows, measured on {} others:",
        report.model, report.rows_train, report.rows_test
    )?;
    for (name, value) in report.metrics.named() {
        writeln!(stdout, "  {name:<12} {value:.4}")?;
    }
    writeln!(stdout, "  {:<12} {:.1}", "seconds_fit", report.seconds_fit)?;
    if let Some(found) = found {
        found.print(&mut stdout)?;
    }
    let out = settings.out.display();
    writeln!(stdout, "{out} ({} KB)", bytes.div_ceil(1000))?;
    Ok(())
}
