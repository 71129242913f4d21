//! `underwrite drift`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};
use model_drift::inputs::{self, Inputs};
use model_drift::methods::Method;
use model_drift::report::{self, Report};
use model_tracking::tracker::Tracker;

use crate::config_file::ConfigFile;
use crate::counted::counted;
use crate::tracking::{self, RUNS, TrackingArgs};
use crate::{files, terminal};

mod simulate;
mod track;

const EXAMPLES: &str = "\
Examples:
  underwrite drift --reference train.csv --current today.parquet
  underwrite drift --reference model.wasm --current today.csv --json drift.json --fail-on-drift
  underwrite drift --reference train.csv --current today.csv --preset evidently
  underwrite drift sketch --data today.csv --schema loan.toml --out today.sketch
  underwrite drift merge monday.sketch tuesday.sketch --out week.sketch

Exit codes: 0, 1 if the batch has drifted and --fail-on-drift is given, 2 for an error.";

/// Compare a batch with reference data, column by column, and write a report.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Reference data: a CSV or Parquet file, a sketch, or a model.wasm, which carries a sketch
    /// of its training rows.
    #[arg(long, value_name = "FILE|model.wasm")]
    reference: Option<PathBuf>,
    /// Current batch: a CSV or Parquet file of any size, or a sketch.
    #[arg(long, value_name = "FILE")]
    current: Option<PathBuf>,
    /// Schema in TOML: types, ranges, categories and roles of the columns.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Model to score both batches with, so that its scores are compared too.
    #[arg(long, value_name = "model.wasm")]
    model: Option<PathBuf>,
    /// Preset of tests and thresholds.
    #[arg(long, value_enum, default_value_t = Preset::Default)]
    preset: Preset,
    /// Test or distance for every column that it can compare, such as psi or ks.
    #[arg(long, value_name = "NAME")]
    method: Option<String>,
    /// Compare the reference with a sample of itself, to check the setup.
    #[arg(long, conflicts_with = "current")]
    self_check: bool,
    /// Write the HTML report to this file.
    #[arg(long, value_name = "FILE", default_value = "reports/drift_report.html")]
    out: PathBuf,
    /// Write the result as JSON; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the result as Markdown; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the result as JUnit XML, one test per column; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Exit with 1 if the batch has drifted.
    #[arg(long)]
    fail_on_drift: bool,
    /// Folder of the runs; the report becomes a run if a tracker is configured.
    #[arg(long, value_name = "FOLDER", default_value = RUNS)]
    runs: PathBuf,
    /// Read [tracking] from this file [default: underwrite.toml, if present].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    tracking: TrackingArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Preset {
    /// Corrected p-values and a minimum effect size.
    Default,
    /// The tests and thresholds of Evidently 0.4.33's DataDriftPreset.
    Evidently,
}

impl From<Preset> for report::Preset {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Default => Self::Default,
            Preset::Evidently => Self::Evidently,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Merge sketches of the same columns, such as those of several servers.
    Merge {
        /// Sketches to merge, in any order.
        #[arg(required = true, num_args = 1.., value_name = "SKETCH")]
        sketches: Vec<PathBuf>,
        /// Write the merged sketch to this file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write the sketch of a batch: counts for each column, never a row.
    Sketch {
        /// CSV or Parquet file to read.
        #[arg(long, value_name = "FILE")]
        data: PathBuf,
        /// Schema in TOML [default: types are inferred].
        #[arg(long, value_name = "FILE")]
        schema: Option<PathBuf>,
        /// Count the model's inputs and scores, as a server or Worker counts them.
        #[arg(long, value_name = "model.wasm", conflicts_with = "schema")]
        model: Option<PathBuf>,
        /// Write the sketch to this file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    Simulate(simulate::Args),
}

/// Data-quality problems that are printed.
const QUALITY: usize = 5;

/// The batch has drifted, and --fail-on-drift was given.
#[derive(Debug, thiserror::Error)]
#[error("the batch has drifted")]
pub(crate) struct Drifted;

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Some(Command::Merge { sketches, out }) => {
                let read: Vec<_> = sketches
                    .iter()
                    .map(|sketch| ("a sketch to merge", Some(sketch.as_path())))
                    .collect();
                files::keep_apart(&read, &[("--out", Some(&out))])?;
                files::write(&out, &inputs::merge(&sketches)?.encode())
            }
            Some(Command::Sketch {
                data,
                schema,
                model,
                out,
            }) => {
                files::keep_apart(
                    &[
                        ("--data", Some(&data)),
                        ("--schema", schema.as_deref()),
                        ("--model", model.as_deref()),
                    ],
                    &[("--out", Some(&out))],
                )?;
                let schema = schema.as_deref().map(files::read_schema).transpose()?;
                let sketch = match model {
                    Some(model) => inputs::sketch_for_model(&data, &model)?,
                    None => inputs::sketch(&data, schema.as_ref())?,
                };
                files::write(&out, &sketch.encode())
            }
            Some(Command::Simulate(args)) => args.run(),
            None => self.compare(),
        }
    }

    fn compare(self) -> Result<()> {
        let method = self.method.as_deref().map(Method::from_name).transpose()?;
        let Some(reference) = self.reference.clone() else {
            bail!(
                "--reference is missing: name the reference data or the model.wasm to compare with"
            );
        };
        if self.current.is_none() && !self.self_check {
            bail!(
                "--current is missing: name the batch to compare; --self-check compares the reference with a sample of itself"
            );
        }
        let file = ConfigFile::open(self.config.as_deref())?;
        let mut read = vec![
            ("--reference", Some(reference.as_path())),
            ("--current", self.current.as_deref()),
            ("--schema", self.schema.as_deref()),
            ("--model", self.model.as_deref()),
            ("--config", file.as_ref().map(ConfigFile::path)),
        ];
        read.extend(self.tracking.files());
        files::keep_apart(
            &read,
            &[
                ("--out", Some(&self.out)),
                ("--json", self.json.as_deref()),
                ("--markdown", self.markdown.as_deref()),
                ("--junit", self.junit.as_deref()),
            ],
        )?;
        let config = tracking::Config::read(file.as_ref())?;
        let trackers = tracking::trackers(&self.tracking, &config)?;
        let inputs = Inputs {
            reference,
            current: self.current.clone(),
            schema: self.schema.as_deref().map(files::read_schema).transpose()?,
            model: self.model.clone(),
            preset: self.preset.into(),
            method,
        };
        let report = inputs.compare()?;
        self.write(&report, &trackers)?;
        if self.fail_on_drift && report.dataset_drift {
            return Err(Drifted.into());
        }
        Ok(())
    }

    fn write(&self, report: &Report, trackers: &[Box<dyn Tracker>]) -> Result<()> {
        let html = report.html()?.into_bytes();
        let mut json = serde_json::to_vec_pretty(report)?;
        json.push(b'\n');
        write_into(&self.out, &html)?;
        if let Some(path) = &self.json {
            write_into(path, &json)?;
        }
        if let Some(path) = &self.markdown {
            write_into(path, report.markdown().as_bytes())?;
        }
        if let Some(path) = &self.junit {
            write_into(path, report.junit().as_bytes())?;
        }
        let taken = [&self.json, &self.markdown, &self.junit];
        if taken
            .into_iter()
            .flatten()
            .any(|path| path == Path::new("-"))
        {
            track::send(
                self,
                report,
                (&html, &json),
                trackers,
                &mut terminal::stderr(),
            );
            return Ok(());
        }
        let mut stdout = terminal::stdout();
        writeln!(stdout, "{}", report.summary())?;
        let quality = report.quality();
        for sentence in quality.iter().take(QUALITY) {
            writeln!(stdout, "  {sentence}")?;
        }
        if let Some(more) = quality.len().checked_sub(QUALITY).filter(|more| *more > 0) {
            writeln!(
                stdout,
                "  and {}, in the report",
                counted(more, "more data-quality problem")
            )?;
        }
        for note in &report.notes {
            writeln!(stdout, "{note}")?;
        }
        writeln!(stdout, "Report: {}", self.out.display())?;
        track::send(self, report, (&html, &json), trackers, &mut stdout);
        Ok(())
    }
}

fn write_into(path: &Path, bytes: &[u8]) -> Result<()> {
    files::write(path, bytes)
}
