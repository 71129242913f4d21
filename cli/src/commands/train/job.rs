//! A training run from its settings to the files it leaves.

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use model_core::artifact::Artifact;
use model_core::details::Details;
use model_core::schema::{Role, Schema};
use model_drift::sketch::PREDICTION;
use model_tracking::folder::RunFolder;
use model_tracking::tracker::Tracker;
use model_train::calibrate::Method;
use model_train::dataset::Dataset;
use model_train::fit::{ClassWeight, Params};
use model_train::pack::pack;
use model_train::split::{self, Split};
use model_train::train::{Options, Report, Trained, train};
use model_train::tune::Metric;
use serde::Serialize;

use super::decision::{Rules, cross_validation};
use super::evaluation::{Reports, reports};
use super::plan;
use super::run;
use super::search::{self, Found};
use super::settings::{Plan, Settings};
use crate::engine::Engine;
use crate::{engine, files, progress, tracking};

/// What a run is made from, all of it checked.
pub(super) struct Inputs {
    pub(super) schema: Schema,
    /// Protected columns that are inputs all the same.
    pub(super) protected: Vec<String>,
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

pub(super) fn run(mut settings: Settings, trackers: &[Box<dyn Tracker>]) -> Result<()> {
    let start = Instant::now();
    let inputs = read(&settings)?;
    settings.plan.keep_to(&inputs.schema)?;
    let settings = &settings;
    plan::warn(&inputs)?;
    if settings.dry_run {
        return plan::print(settings, &inputs, trackers);
    }
    let engine = engine::carried()?;
    let (params, mut found, mut folder) = match &settings.plan {
        Plan::Fit(params) => {
            let kept = settings.keeps_run(trackers);
            let folder = kept.then(|| run::create(settings, &inputs)).transpose()?;
            (*params, None, folder)
        }
        Plan::Search(search) => {
            let (found, folder) = search::run(search, settings, &inputs)?;
            (found.params, Some(found), Some(folder))
        }
    };
    let trained = fit(settings, &inputs, params, engine)?;
    let wasm = pack(engine.wasm, engine.glue, &trained.artifact)?;
    if let Some(found) = &mut found {
        found.measure(&trained.artifact);
    }
    let found = found.as_ref();
    let figures = figures(&trained.report, found, start)?;
    let kept = folder.as_mut().map_or(Ok(()), |folder| {
        let results = (&params, found);
        run::keep(folder, settings, results, &trained, (&wasm, &figures))
    });
    let written = files::write(&settings.out, &wasm);
    saved(kept, written, settings, folder.as_ref())?;
    if let Some(path) = &settings.metrics {
        files::write(path, &figures)?;
    }
    print(settings, &trained, found, wasm.len())?;
    let mut told = Ok(());
    if folder.is_some() || settings.report.is_some() {
        told = measured(settings, &inputs, params, &trained, found)
            .and_then(|reports| write_reports(settings, folder.as_mut(), &reports));
    }
    if let Some(folder) = &mut folder {
        run::finish(folder, found)?;
        writeln!(
            anstream::stdout(),
            "run kept in {}",
            folder.path().display()
        )?;
        // Whoever did not get it was warned about.
        tracking::push(trackers, folder)?;
    }
    let out = settings.out.display();
    told.with_context(|| format!("the model is in {out}, but not all of its reports are written"))
}

fn write_reports(
    settings: &Settings,
    folder: Option<&mut RunFolder>,
    reports: &Reports,
) -> Result<()> {
    if let Some(folder) = folder {
        run::keep_reports(folder, reports)?;
    }
    match &settings.report {
        Some(path) => files::write(path, reports.html.as_bytes()),
        None => Ok(()),
    }
}

/// The model goes to two places; where one of them fails, the error says that the other has it.
fn saved(
    kept: Result<()>,
    written: Result<()>,
    settings: &Settings,
    folder: Option<&RunFolder>,
) -> Result<()> {
    let place = match (&kept, &written, folder) {
        (Err(_), Ok(()), _) => settings.out.clone(),
        (Ok(()), Err(_), Some(folder)) => folder.path().join("artifacts/model.wasm"),
        _ => return kept.and(written),
    };
    let place = place.display();
    (kept.and(written)).with_context(|| format!("the model is in {place}, but not all was kept"))
}

/// What `--metrics` gets.
fn figures(report: &Report, found: Option<&Found>, start: Instant) -> Result<Vec<u8>> {
    let figures = Figures {
        report,
        search: found.map(|found| found.summary(start.elapsed())),
    };
    let mut json = serde_json::to_vec_pretty(&figures)?;
    json.push(b'\n');
    Ok(json)
}

/// The reports of the finished model.
fn measured(
    settings: &Settings,
    inputs: &Inputs,
    params: Params,
    trained: &Trained,
    found: Option<&Found>,
) -> Result<Reports> {
    let mut single = params;
    if let Params::GradientBoosting(boosting) = &mut single {
        boosting.bags = 1;
    }
    let folds = cross_validation(settings, inputs)?;
    let learning_curve = folds.learning_curve(&single, settings.jobs)?;
    let data = (&inputs.dataset, &inputs.schema);
    let test = &inputs.split.test;
    reports(
        &trained.artifact,
        data,
        test,
        (settings.seed, settings.jobs),
        learning_curve,
        found,
    )
}

fn read(settings: &Settings) -> Result<Inputs> {
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
    let written = files::read_schema(&settings.schema)?;
    ensure!(
        written
            .features
            .iter()
            .all(|feature| feature.name != PREDICTION),
        "{}: feature '{PREDICTION}': that is what drift reports call the model's answers: rename the column in the data and the schema",
        settings.schema.display()
    );
    let schema = with_features(written.clone(), settings)?;
    let protected = written
        .features
        .iter()
        .filter(|f| f.role == Role::Protected);
    let protected = protected.filter(|f| schema.inputs().any(|input| input.name == f.name));
    let protected = protected.map(|f| f.name.clone()).collect();
    if let Some(path) = &settings.report {
        files::make_folder_of(path)?;
    }
    let paths = [
        Some(&settings.out),
        settings.metrics.as_ref(),
        settings.report.as_ref(),
    ];
    for path in paths.into_iter().flatten() {
        files::check_writable(path)?;
    }
    let dataset = files::read_dataset(&settings.data, &schema)?;
    let split = read_split(settings, &dataset)?;
    Ok(Inputs {
        schema,
        protected,
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
            Role::Protected if settings.allow_protected => {}
            Role::Protected => bail!(
                "--features: '{wanted}' is protected in {name}: it is for audits, never to decide (--allow-protected overrules that, and is recorded)"
            ),
            Role::Ignored => bail!("--features: '{wanted}' is ignored in {name}"),
        }
    }
    for feature in &mut schema.features {
        match (feature.role, wanted.contains(&feature.name)) {
            (Role::Input, false) => feature.role = Role::Ignored,
            (Role::Protected, true) => feature.role = Role::Input,
            _ => {}
        }
    }
    ensure!(schema.inputs().count() > 0, "--features names no input");
    Ok(schema)
}

fn read_split(settings: &Settings, dataset: &Dataset) -> Result<Split> {
    let Some(path) = &settings.test_rows else {
        return Ok(split::stratified(&dataset.target, settings.seed)?);
    };
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    Ok(split::from_file(file, &name, &dataset.target)?)
}

/// Fits on all training rows, and touches the test rows for the first time.
fn fit(settings: &Settings, inputs: &Inputs, params: Params, engine: Engine) -> Result<Trained> {
    let spinner = progress::spinner("Fitting");
    let decision = settings.rules.decide(&params, settings, inputs)?;
    let options = Options {
        params,
        class_weight: settings.class_weight,
        jobs: settings.jobs,
        seed: settings.seed,
        calibration: decision.calibration,
        threshold: decision.threshold,
        details: Details {
            threshold_rule: settings.rules.threshold,
            config: configuration(settings, params)?,
            protected_inputs: inputs.protected.clone(),
            ..Details::default()
        },
        engine_sha256: engine.sha256(),
        underwrite_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let (dataset, split) = (inputs.dataset.clone(), inputs.split.clone());
    let trained = train(dataset, &inputs.schema, split, &options)?;
    spinner.finish_and_clear();
    Ok(trained)
}

/// What decides about the model, as the artifact keeps it; nothing of this machine.
fn configuration(settings: &Settings, params: Params) -> Result<String> {
    #[derive(Serialize)]
    struct Configuration<'a> {
        seed: u64,
        features: Option<&'a Vec<String>>,
        class_weight: ClassWeight,
        calibration: Method,
        folds: usize,
        trials: Option<usize>,
        metric: Option<Metric>,
        params: Params,
    }
    let search = match &settings.plan {
        Plan::Fit(_) => None,
        Plan::Search(search) => Some(&search.settings),
    };
    Ok(toml::to_string(&Configuration {
        seed: settings.seed,
        features: settings.features.as_ref(),
        class_weight: settings.class_weight,
        calibration: settings.rules.calibration,
        folds: settings.folds,
        trials: search.map(|search| search.trials),
        metric: search.map(|search| search.metric),
        params,
    })?)
}

fn print(
    settings: &Settings,
    trained: &Trained,
    found: Option<&Found>,
    bytes: usize,
) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    let report = &trained.report;
    writeln!(
        stdout,
        "{} on {} rows, measured on {} others:",
        report.model, report.rows_train, report.rows_test
    )?;
    for (name, value) in report.metrics.named() {
        writeln!(stdout, "  {name:<12} {value:.4}")?;
    }
    writeln!(stdout, "  {:<12} {:.1}", "seconds_fit", report.seconds_fit)?;
    if settings.rules != Rules::default() {
        let threshold = Artifact::decode(&trained.artifact)?.threshold;
        let calibration = settings.rules.calibration.word();
        writeln!(stdout, "  {:<12} {threshold:.4}", "threshold")?;
        writeln!(stdout, "  {:<12} {calibration}", "calibration")?;
    }
    if let Some(found) = found {
        found.print(&mut stdout)?;
    }
    let out = settings.out.display();
    writeln!(stdout, "{out} ({} KB)", bytes.div_ceil(1000))?;
    Ok(())
}
