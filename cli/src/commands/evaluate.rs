//! `underwrite evaluate`: reads arguments, measures by one call of
//! [`model_train::pipeline::evaluate_file`], writes the reports.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Error, Result};
use model_core::schema::Schema;
use model_train::card::About;
use model_train::evaluate::{Evaluation, Options};
use model_train::pipeline::{EvaluationError, EvaluationJob, Reports, Source, evaluate_file};

use crate::{files, progress};

const EXAMPLES: &str = "\
Examples:
  underwrite evaluate --model model.wasm --data new.csv
  underwrite evaluate --model model.wasm --data loans.csv --test-rows rows.csv \\
      --report reports/evaluation.html --json evaluation.json --card README.md

Without --test-rows, every row is measured: use rows that the model was not trained on.";

/// Evaluate a model.wasm on labeled rows and write reports.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model.wasm to evaluate.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// CSV file with a header; it needs a column for every input and the target of the schema.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Schema in TOML with the same inputs and target, to audit other protected columns
    /// [default: the model's own].
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// CSV with one column, `row`: the rows to measure on, counted from 0 [default: all].
    #[arg(long, value_name = "FILE")]
    test_rows: Option<PathBuf>,
    /// Write the report to this file, as one HTML page.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write the evaluation to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
    /// Write a model card to this file, as Markdown with front matter for the Hub.
    #[arg(long, value_name = "FILE.md")]
    card: Option<PathBuf>,
    /// License for the model card, as an SPDX expression.
    #[arg(long, value_name = "LICENSE", requires = "card")]
    license: Option<String>,
    /// Number of bootstrap resamples.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    resamples: u32,
    /// Random seed.
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
        let artifact = files::open_model(&self.model, &wasm)?.artifact();
        let schema = self.schema.as_deref().map(files::read_schema).transpose()?;
        let data = files::Source::open(&self.data)?;
        let bar = progress::bytes(data.len, "Evaluating");
        let test_rows = self.test_rows.as_deref().map(files::Source::open);
        let job = EvaluationJob {
            artifact,
            schema,
            data: Source::new(data.name, data.bytes),
            test_rows: test_rows
                .transpose()?
                .map(|rows| Source::new(rows.name, rows.bytes)),
            options: Options {
                resamples: self.resamples as usize,
                seed: self.seed,
                jobs: std::thread::available_parallelism().map_or(1, usize::from),
                ..Options::default()
            },
        };
        let evaluated = evaluate_file(job, |read| bar.set_position(read));
        bar.finish_and_clear();
        let (evaluation, schema) = evaluated.map_err(|error| self.in_file(error))?;
        self.write(&schema, &evaluation)?;
        print(&evaluation)
    }

    /// Names the file that an error is about, where the error does not do so itself.
    fn in_file(&self, error: EvaluationError) -> Error {
        let path = match (&error, &self.schema) {
            (EvaluationError::Artifact(_), _) => &self.model,
            (EvaluationError::Schema, Some(schema)) => schema,
            _ => return error.into(),
        };
        Error::new(error).context(path.display().to_string())
    }

    fn write(&self, schema: &Schema, evaluation: &Evaluation) -> Result<()> {
        let about = About {
            license: self.license.clone(),
            ..About::default()
        };
        let reports = Reports::new(evaluation, schema, &about)?;
        let files = [
            (&self.report, reports.html.as_bytes()),
            (&self.json, &reports.json),
            (&self.card, reports.card.as_bytes()),
        ];
        for (path, bytes) in files {
            if let Some(path) = path {
                files::write(path, bytes)?;
            }
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
            ", some of which the model was trained on"
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
