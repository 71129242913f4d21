//! `underwrite policy apply`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use model_core::artifact::{Artifact, digests, with_policy};
use model_core::decide::Decider;
use model_train::pack::pack;

use super::read_artifact;
use crate::engine::{self, Engine};
use crate::files;

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
        let model = || self.model.display().to_string();
        let bytes = read_artifact(&self.model)?;
        let decider = Decider::load(&bytes).with_context(model)?;
        let file = files::read_policy(&self.policy, &decider.artifact().schema)?;
        let mut stderr = anstream::stderr().lock();
        for warning in &file.warnings {
            writeln!(stderr, "{}, {warning}", self.policy.display())?;
        }
        let engine = engine::carried()?;
        let bytes = match decider.format() {
            1 | 2 => converted(&bytes, engine).with_context(model)?,
            _ => bytes,
        };
        check_engine(decider.format(), &bytes, engine).with_context(model)?;
        let bytes = with_policy(&bytes, Some(&file.policy))
            .with_context(|| self.policy.display().to_string())?;
        files::write(&self.out, &pack(engine.wasm, engine.glue, &bytes)?)?;
        let new = digests(&bytes)?;
        let mut out = anstream::stdout().lock();
        match decider.format() {
            format @ 1..=2 => writeln!(
                out,
                "format  3, it was {format}: the model decides the same and has another digest, it was {}",
                decider.digest()
            )?,
            _ => writeln!(out, "format  3")?,
        }
        let same = if new.model == decider.digest() {
            ", unchanged"
        } else {
            ""
        };
        writeln!(out, "model   {}{same}", new.model)?;
        let digest = new.policy.unwrap_or_default();
        writeln!(out, "policy  {digest}, version {}", file.policy.version)?;
        writeln!(out, "wrote   {}", self.out.display())?;
        Ok(())
    }
}

/// An artifact of an old format in the new one, for the engine that reads it.
fn converted(bytes: &[u8], engine: Engine) -> Result<Vec<u8>> {
    let mut artifact = Artifact::decode(bytes)?;
    artifact.engine_sha256 = engine.sha256();
    Ok(artifact.encode()?)
}

/// The engine's digest is part of the model: with another one its digest would change.
fn check_engine(format: u32, bytes: &[u8], engine: Engine) -> Result<()> {
    let packed_with = Artifact::decode(bytes)?;
    if format > 2 && packed_with.engine_sha256 != engine.sha256() {
        bail!(
            "the model was packed with engine {} by underwrite {}, this program carries another: apply the policy with that version, or train again",
            packed_with.engine_sha256,
            packed_with.training.underwrite_version
        );
    }
    Ok(())
}
