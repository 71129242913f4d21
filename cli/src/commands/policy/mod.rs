//! `underwrite policy`

mod apply;
mod check;
mod diff;
mod model;
mod remove;
mod test;

use std::path::Path;

use anyhow::{Context, Result};
use clap::Subcommand;
use model_core::decide::Decider;

use crate::files;

const EXAMPLES: &str = "\
Examples:
  underwrite policy check policy.toml --schema loan.toml --strict
  underwrite policy apply model.wasm --policy policy.toml --out new.wasm
  underwrite policy remove model.wasm --out new.wasm
  underwrite policy test policy.toml cases.csv --model model.wasm
  underwrite policy diff model.wasm new.wasm --data applications.csv";

/// Check, test, compare and exchange lending rules: a policy changes without training.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Apply(apply::Args),
    Check(check::Args),
    Diff(diff::Args),
    Remove(remove::Args),
    Test(test::Args),
}

/// The command found what it looks for; it has said so.
#[derive(Debug, thiserror::Error)]
#[error("the command found what it looks for")]
pub(crate) struct Found;

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Apply(args) => args.run(),
            Command::Check(args) => args.run(),
            Command::Diff(args) => args.run(),
            Command::Remove(args) => args.run(),
            Command::Test(args) => args.run(),
        }
    }
}

/// The artifact in a `model.wasm`.
fn read_artifact(path: &Path) -> Result<Vec<u8>> {
    let wasm = files::read(path)?;
    Ok(files::open_model(path, &wasm)?.artifact().to_vec())
}

/// A `model.wasm` that decides.
fn load(path: &Path) -> Result<Decider> {
    Decider::load(&read_artifact(path)?).with_context(|| path.display().to_string())
}
