//! `underwrite policy remove`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::model::Model;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  underwrite policy remove model.wasm --out new.wasm
  underwrite policy remove model.wasm --out model.wasm

The model's threshold then decides alone. The digest of the model stays as it is.";

/// Take the policy out of a model.wasm: the threshold alone decides.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The file with the model and its policy.
    #[arg(value_name = "MODEL.WASM")]
    model: PathBuf,
    /// Output file; it may be the model's own, which is then replaced when all is written.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let model = Model::read(&self.model)?;
        let Some(policy) = &model.decider.artifact().policy else {
            bail!("{} has no policy to remove", self.model.display());
        };
        let version = policy.version.clone();
        model.write(None, &self.out)?;
        let mut out = terminal::stdout();
        writeln!(out, "policy  none, version {version} was removed")?;
        writeln!(out, "wrote   {}", self.out.display())?;
        Ok(())
    }
}
