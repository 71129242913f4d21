//! `underwrite policy test`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use model_core::artifact::{Artifact, with_policy};
use model_core::decide::Decider;
use model_train::applications::{Applications, Unreadable};
use model_train::policy_cases::run;

use super::{Found, read_artifact};
use crate::{files, progress, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite policy test policy.toml cases.csv --model model.wasm
  underwrite policy test policy.toml cases.csv --model model.wasm --expected decision

CASES.CSV has the columns of a request and one with approve, refer, decline, or refused for
an application that the model refuses. Exit codes: 0, 1 if a case fails, 2 for an error.";

/// Decide cases by a policy and compare the outcomes with the expected ones, row by row.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The policy in TOML.
    #[arg(value_name = "POLICY.TOML")]
    policy: PathBuf,
    /// CSV file with a header, or Parquet file; `-` reads CSV from standard input.
    #[arg(value_name = "CASES.CSV")]
    cases: PathBuf,
    /// The model.wasm that gives the probabilities; its own policy is not used.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Column with the expected outcome.
    #[arg(long, value_name = "COLUMN", default_value = "outcome")]
    expected: String,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let model = || self.model.display().to_string();
        let bytes = read_artifact(&self.model)?;
        let artifact = Artifact::decode(&bytes).with_context(model)?;
        let schema = artifact.schema;
        let file = files::read_policy(&self.policy, &schema)?;
        (file.check_threshold(artifact.threshold))
            .map_err(|problem| anyhow!("{}, {problem}", self.policy.display()))?;
        let bytes = with_policy(&bytes, Some(&file.policy))
            .with_context(|| self.policy.display().to_string())?;
        let mut decider = Decider::load(&bytes).with_context(model)?;
        let source = files::Source::open_for(&self.cases, &[&schema])?;
        let bar = progress::bytes(source.len, "Reading");
        let expected = Some(self.expected.as_str());
        let (name, unreadable) = (&source.name, Unreadable::Refuse);
        let read = |read| bar.set_position(read);
        let applications =
            Applications::read(source.bytes, name, &schema, expected, unreadable, read)?;
        bar.finish_and_clear();
        let cases = run(&applications, &mut decider).map_err(|error| anyhow!(error))?;
        let mut out = terminal::stdout();
        for failure in &cases.failures {
            writeln!(
                out,
                "{}, line {}: expected {}, got {}",
                source.name, failure.line, failure.expected, failure.found
            )?;
        }
        let failed = cases.failures.len();
        writeln!(out, "{} passed, {failed} failed", cases.cases - failed)?;
        match failed {
            0 => Ok(()),
            _ => Err(Found.into()),
        }
    }
}
