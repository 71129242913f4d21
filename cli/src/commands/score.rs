//! `underwrite score`: reads arguments, scores by one call of [`model_train::score`].

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use indicatif::HumanCount;
use model_core::decide::Decider;
use model_train::score::{Choices, OnInvalid, score};

use crate::{files, progress};

const EXAMPLES: &str = "\
Examples:
  underwrite score --model model.wasm --input new.csv --output scored.csv
  underwrite score --model model.wasm --input - --output - < new.csv | head
  underwrite score --model model.wasm --input new.csv --output scored.csv --on-invalid blank
  underwrite score --model model.wasm --input new.csv --output scored.csv --reasons";

/// Score every row of a CSV file: adds the columns probability, prediction, outcome, rules
/// where the model has a policy, adjustments and model_version.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model.wasm to score with.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// CSV file with a header; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where the rows go, with the columns added; `-` is standard output.
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
        let source = files::Source::open(&self.input)?;
        let mut sink = files::Sink::create(&self.output)?;
        let bar = progress::bytes(source.len, "Scoring");
        let choices = Choices {
            on_invalid: match self.on_invalid {
                Invalid::Stop => OnInvalid::Stop,
                Invalid::Blank => OnInvalid::Blank,
            },
            allow_missing_columns: self.allow_missing_columns,
            pass_through: self.pass_through,
            reasons: self.reasons,
        };
        let (rows, name) = (source.bytes, &source.name);
        let refused = score(&mut decider, rows, name, &mut sink, choices, |progress| {
            bar.set_position(progress.bytes);
            let rate = progress.rows as f64 / bar.elapsed().as_secs_f64();
            bar.set_message(format!("Scoring ({} rows/s)", HumanCount(rate as u64)));
        })?;
        sink.finish()?;
        bar.finish_and_clear();
        if refused > 0 {
            writeln!(
                anstream::stderr(),
                "{refused} rows were refused and left blank"
            )?;
        }
        Ok(())
    }
}
