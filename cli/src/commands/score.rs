//! `underwrite score`: reads arguments, scores by one call of [`mod@model_train::score`].

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use indicatif::{HumanCount, ProgressBar};
use model_core::decide::Decider;
use model_files::parquet::ParquetFile;
use model_train::score::{Choices, OnInvalid, Progress, score, score_parquet, score_to_parquet};

use crate::counted::counted;
use crate::{files, progress, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite score --model model.wasm --input new.csv --output scored.csv
  underwrite score --model model.wasm --input new.parquet --output scored.parquet
  underwrite score --model model.wasm --input - --output - < new.csv | head
  underwrite score --model model.wasm --input new.csv --output scored.csv --on-invalid blank
  underwrite score --model model.wasm --input new.csv --output scored.csv --reasons";

/// Score every row of a CSV or Parquet file: adds the columns probability, prediction, outcome,
/// adjustments and model_version, and rules where the model has a policy.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model.wasm to score with.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// CSV file with a header, or Parquet file; `-` reads CSV from standard input.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where the rows go, with the columns added: Parquet where it ends in .parquet, else CSV; `-`
    /// is standard output.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Impute input columns that the file does not have, in every row [default: refuse the file].
    #[arg(long)]
    allow_missing_columns: bool,
    /// Copy columns that the schema does not know, such as an identifier [default: refuse the
    /// file].
    #[arg(long)]
    pass_through: bool,
    /// Add a column with the codes of the reasons, most important first.
    #[arg(long)]
    reasons: bool,
    /// What to do with a row that the model refuses.
    #[arg(long, value_enum, default_value_t = Invalid::Stop)]
    on_invalid: Invalid,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Invalid {
    /// Stop with an error that names the line and the field; no file is written.
    Stop,
    /// Leave the added columns empty and continue.
    Blank,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        files::keep_apart(
            &[
                ("--model", Some(&self.model)),
                ("--input", Some(&self.input)),
            ],
            &[("--output", Some(&self.output))],
        )?;
        let wasm = files::read(&self.model)?;
        let artifact = files::open_model(&self.model, &wasm)?.artifact();
        let mut decider =
            Decider::load(artifact).with_context(|| self.model.display().to_string())?;
        let refused = match is_parquet(&self.output) {
            true => self.to_parquet(&mut decider)?,
            false => self.to_csv(&mut decider)?,
        };
        if refused > 0 {
            let rows = counted(refused, "row");
            let were = if refused == 1 { "was" } else { "were" };
            writeln!(terminal::stderr(), "{rows} {were} refused and left blank")?;
        }
        Ok(())
    }

    fn to_csv(&self, decider: &mut Decider) -> Result<u64> {
        let source = files::Source::open_for(&self.input, &[&decider.artifact().schema])?;
        let mut sink = files::Sink::create(&self.output)?;
        let bar = progress::bytes(source.len, "Scoring");
        let shown = |progress| show(&bar, progress, |progress| progress.bytes);
        let (rows, name) = (source.bytes, &source.name);
        let refused = score(decider, rows, name, &mut sink, self.choices(), shown)?;
        sink.finish()?;
        bar.finish_and_clear();
        Ok(refused)
    }

    fn to_parquet(&self, decider: &mut Decider) -> Result<u64> {
        let (path, choices) = (&self.output, self.choices());
        let name = path.display().to_string();
        if self.input != Path::new("-") && files::is_parquet(&self.input)? {
            let file = ParquetFile::open(&self.input, &self.input.display().to_string())?;
            let mut sink = files::Sink::create_file(path)?;
            let bar = progress::rows(file.group_rows().iter().sum(), "Scoring");
            let shown = |progress| show(&bar, progress, |progress| progress.rows);
            let refused = score_parquet(decider, file, (&mut sink, &name), choices, shown)?;
            files::Sink::File(sink, name).finish()?;
            bar.finish_and_clear();
            return Ok(refused);
        }
        let source = files::Source::open(&self.input)?;
        let mut sink = files::Sink::create_file(path)?;
        let bar = progress::bytes(source.len, "Scoring");
        let shown = |progress| show(&bar, progress, |progress| progress.bytes);
        let (rows, from) = (source.bytes, &source.name);
        let refused = score_to_parquet(decider, rows, from, (&mut sink, &name), choices, shown)?;
        files::Sink::File(sink, name).finish()?;
        bar.finish_and_clear();
        Ok(refused)
    }

    fn choices(&self) -> Choices {
        Choices {
            on_invalid: match self.on_invalid {
                Invalid::Stop => OnInvalid::Stop,
                Invalid::Blank => OnInvalid::Blank,
            },
            allow_missing_columns: self.allow_missing_columns,
            pass_through: self.pass_through,
            reasons: self.reasons,
        }
    }
}

/// Whether the name of a file says that it is Parquet.
fn is_parquet(path: &Path) -> bool {
    let ending = path.extension();
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("parquet"))
}

fn show(bar: &ProgressBar, progress: Progress, position: impl Fn(Progress) -> u64) {
    bar.set_position(position(progress));
    let rate = progress.rows as f64 / bar.elapsed().as_secs_f64();
    bar.set_message(format!("Scoring ({} rows/s)", HumanCount(rate as u64)));
}
