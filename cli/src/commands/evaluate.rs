//! `underwrite evaluate`

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use model_core::artifact::Artifact;
use model_core::schema::Schema;
use model_train::card::{About, model_card};
use model_train::dataset::Dataset;
use model_train::evaluate::{Evaluation, Options, evaluate};
use model_train::report::evaluation_html;
use model_train::split;

use crate::{files, progress};

const EXAMPLES: &str = "\
Examples:
  underwrite evaluate --model model.wasm --data new.csv
  underwrite evaluate --model model.wasm --data loans.csv --test-rows rows.csv \\
      --report reports/evaluation.html --json evaluation.json --card README.md

Without --test-rows every row is measured on: let it be rows that the model has not seen.";

/// Measure a model.wasm on rows with known answers; write the report.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model.wasm to measure.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// CSV file with a header; every input and the target of the schema is a column.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Schema in TOML with the same inputs, for other protected columns (default: the
    /// model's own).
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// CSV with the one column `row`: the rows to measure on, the first of the data being 0
    /// (default: all).
    #[arg(long, value_name = "FILE")]
    test_rows: Option<PathBuf>,
    /// Write the report to this file, as one HTML page.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write everything in the report to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
    /// Write a model card to this file, as Markdown with front matter for the Hub.
    #[arg(long, value_name = "FILE.md")]
    card: Option<PathBuf>,
    /// The license that the card names, as an SPDX expression.
    #[arg(long, value_name = "LICENSE", requires = "card")]
    license: Option<String>,
    /// Resamples of the bootstrap.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    resamples: u32,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        files::keep_apart(
            &[
                ("--model", Some(&self.model)),
                ("--data", Some(&self.data)),
                ("--schema", self.schema.as_deref()),
                ("--test-rows", self.test_rows.as_deref()),
            ],
            &[
                ("--report", self.report.as_deref()),
                ("--json", self.json.as_deref()),
                ("--card", self.card.as_deref()),
            ],
        )?;
        for path in [&self.report, &self.json, &self.card].into_iter().flatten() {
            files::make_folder_of(path)?;
            files::check_writable(path)?;
        }
        let wasm = files::read(&self.model)?;
        let bytes = files::open_model(&self.model, &wasm)?.artifact();
        let artifact = Artifact::decode(bytes).with_context(|| self.model.display().to_string())?;
        let schema = self.schema_for(&artifact)?;
        let dataset = files::read_dataset(&self.data, &schema)?;
        let rows = self.rows(&dataset)?;
        let of_training = dataset.sha256 == artifact.training.data_sha256;
        let seen = of_training && self.test_rows.is_none();
        let options = Options {
            resamples: self.resamples as usize,
            seed: self.seed,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            ..Options::default()
        };
        let spinner = progress::spinner("Measuring");
        let evaluation = evaluate(bytes, &dataset, &rows, seen, &options)?;
        spinner.finish_and_clear();
        self.write(&schema, &evaluation)?;
        print(&evaluation)
    }

    /// The model's own schema, or another with the same inputs and target.
    fn schema_for(&self, artifact: &Artifact) -> Result<Schema> {
        let Some(path) = &self.schema else {
            return Ok(artifact.schema.clone());
        };
        let schema = files::read_schema(path)?;
        let own = &artifact.schema;
        let same = schema
            .inputs()
            .map(|f| (&f.name, &f.kind))
            .eq(own.inputs().map(|f| (&f.name, &f.kind)));
        ensure!(
            same && schema.target == own.target,
            "{}: expected the inputs and the target of {}, got others: leave --schema out to use the model's own",
            path.display(),
            self.model.display()
        );
        Ok(schema)
    }

    fn rows(&self, dataset: &Dataset) -> Result<Vec<usize>> {
        let Some(path) = &self.test_rows else {
            return Ok((0..dataset.rows()).collect());
        };
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
        Ok(split::from_file(file, &name, &dataset.target)?.test)
    }

    fn write(&self, schema: &Schema, evaluation: &Evaluation) -> Result<()> {
        if let Some(path) = &self.report {
            files::write(path, evaluation_html(evaluation)?.as_bytes())?;
        }
        if let Some(path) = &self.json {
            let mut json = serde_json::to_vec_pretty(evaluation)?;
            json.push(b'\n');
            files::write(path, &json)?;
        }
        if let Some(path) = &self.card {
            let about = About {
                license: self.license.clone(),
                ..About::default()
            };
            files::write(path, model_card(schema, evaluation, &about).as_bytes())?;
        }
        Ok(())
    }
}

fn print(evaluation: &Evaluation) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    let (model, data) = (&evaluation.model, &evaluation.data);
    writeln!(
        stdout,
        "{} {} ({}) on {} rows{}:",
        model.name,
        model.version,
        model.kind,
        data.rows,
        if data.seen_in_training {
            ", some of which it was trained on"
        } else {
            ""
        }
    )?;
    for metric in &evaluation.metrics {
        let Some(value) = metric.value else { continue };
        write!(stdout, "  {:<26} {value:.4}", metric.name)?;
        if let Some(interval) = metric.interval {
            write!(stdout, "  ({:.4} to {:.4})", interval.low, interval.high)?;
        }
        writeln!(stdout)?;
    }
    Ok(())
}
