//! `underwrite policy apply`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow};

use super::model::Model;
use crate::{files, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite policy apply model.wasm --policy policy.toml --out new.wasm
  underwrite policy apply model.wasm --policy policy.toml --out model.wasm

The digest of the model stays as it is. A server that serves the file takes the new rules
by reload.";

/// Exchange the policy in a model.wasm without training.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The file with the model.
    #[arg(value_name = "MODEL.WASM")]
    model: PathBuf,
    /// The policy in TOML.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Fail where a text lacks one of the schema's languages.
    #[arg(long)]
    strict: bool,
    /// Output file; it may be the model's own, which is then replaced when all is written.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        files::keep_apart(
            &[("--policy", Some(&self.policy))],
            &[("--out", Some(&self.out))],
        )?;
        let model = Model::read(&self.model)?;
        let artifact = model.decider.artifact();
        let file = files::read_policy(&self.policy, &artifact.schema)?;
        let stderr = &mut terminal::stderr();
        files::report_warnings(stderr, &self.policy, &file.warnings, self.strict)?;
        file.check_threshold(artifact.threshold)
            .map_err(|problem| anyhow!("{}, {problem}", self.policy.display()))?;
        let new = model.write(Some(&file.policy), &self.out)?;
        let mut out = terminal::stdout();
        let digest = new.policy.unwrap_or_default();
        writeln!(out, "policy  {digest}, version {}", file.policy.version)?;
        writeln!(out, "wrote   {}", self.out.display())?;
        Ok(())
    }
}
