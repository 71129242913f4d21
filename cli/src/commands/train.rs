//! `underwrite train`

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use model_core::model::ModelKind;
use model_core::schema::Schema;
use model_train::dataset::Dataset;
use model_train::fit::{ClassWeight, Params};
use model_train::pack::pack;
use model_train::split::{self, Split};
use model_train::train::{Options, Report, train};

use crate::{engine, files, progress};

const EXAMPLES: &str = "\
Examples:
  underwrite train --data loans.csv --schema loan.toml --out model.wasm
  underwrite train --data loans.csv --schema loan.toml --out model.wasm \\
      --model logistic_regression --seed 7 --metrics metrics.json
  underwrite train --data loans.csv --schema loan.toml --out model.wasm --test-rows rows.csv

The same data, schema, options and program give the same model.wasm, byte for byte.";

/// Train a model on a CSV file and pack it into one model.wasm.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// CSV file with a header; every input and the target of the schema is a column.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Schema in TOML; `underwrite schema infer` drafts one.
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// Where the model goes; an older file is replaced only by a complete new one.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What to fit.
    #[arg(long, value_enum, default_value_t = Kind::RandomForest)]
    model: Kind,
    /// CSV with the one column `row`: the rows to measure on, the first of the data being 0
    /// (default: a fifth of each class, drawn by the seed).
    #[arg(long, value_name = "FILE")]
    test_rows: Option<PathBuf>,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    metrics: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    /// 100 trees, at most 15 splits deep.
    RandomForest,
    /// A weighted sum of scaled values, with an L2 penalty.
    LogisticRegression,
    /// The same by least squares.
    Ridge,
    /// One tree, at most 9 splits deep.
    DecisionTree,
    /// The sum of 400 small trees.
    GradientBoosting,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let schema = files::read_schema(&self.schema)?;
        for path in [Some(&self.out), self.metrics.as_ref()]
            .into_iter()
            .flatten()
        {
            files::check_writable(path)?;
        }
        let dataset = read_data(&self.data, &schema)?;
        let split = self.split(&dataset)?;
        let options = Options {
            params: Params::defaults(self.model.into()),
            class_weight: ClassWeight::None,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            seed: self.seed,
            engine_sha256: engine::sha256(),
            underwrite_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let spinner = progress::spinner("Training");
        let trained = train(dataset, &schema, split, &options)?;
        spinner.finish_and_clear();
        let wasm = pack(engine::WASM, engine::GLUE, &trained.artifact)?;
        if let Some(path) = &self.metrics {
            let mut json = serde_json::to_vec_pretty(&trained.report)?;
            json.push(b'\n');
            files::write(path, &json)?;
        }
        files::write(&self.out, &wasm)?;
        print(&trained.report, &self.out, wasm.len())
    }

    fn split(&self, dataset: &Dataset) -> Result<Split> {
        let Some(path) = &self.test_rows else {
            return Ok(split::stratified(&dataset.target, self.seed)?);
        };
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
        Ok(split::from_file(file, &name, &dataset.target)?)
    }
}

fn read_data(path: &Path, schema: &Schema) -> Result<Dataset> {
    let source = files::Source::open(path)?;
    let bar = progress::bytes(source.len, "Reading");
    let dataset = Dataset::from_reader(source.bytes, &source.name, schema, |read| {
        bar.set_position(read);
    })?;
    bar.finish_and_clear();
    Ok(dataset)
}

fn print(report: &Report, out: &Path, bytes: usize) -> Result<()> {
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
    writeln!(stdout, "{} ({} KB)", out.display(), bytes.div_ceil(1000))?;
    Ok(())
}

impl From<Kind> for ModelKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::RandomForest => Self::RandomForest,
            Kind::LogisticRegression => Self::LogisticRegression,
            Kind::Ridge => Self::Ridge,
            Kind::DecisionTree => Self::DecisionTree,
            Kind::GradientBoosting => Self::GradientBoosting,
        }
    }
}
