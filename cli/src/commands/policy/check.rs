//! `underwrite policy check`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use model_core::artifact::Artifact;
use model_core::schema::Schema;
use model_policy::{Scores, check};

use super::{Found, read_artifact};
use crate::counted::counted;
use crate::{files, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite policy check policy.toml --schema loan.toml
  underwrite policy check policy.toml --model model.wasm --strict

Exit codes: 0, 1 for findings with --strict, 2 for an error. With --strict a text that a
language lacks is an error too. With --model the band must hold the model's threshold, and
only scores that the model can give count.";

/// Look for rules that never match, repeat or contradict others, each shown by an application.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The policy in TOML.
    #[arg(value_name = "POLICY.TOML")]
    policy: PathBuf,
    /// Schema in TOML whose fields the rules name.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// The model.wasm that the policy is for, in place of a schema.
    #[arg(long, value_name = "FILE", conflicts_with = "schema")]
    model: Option<PathBuf>,
    /// Fail when there are findings, or a text lacks one of the schema's languages.
    #[arg(long)]
    strict: bool,
}

/// What is known of a model.
#[derive(Clone, Copy)]
struct Known {
    threshold: f64,
    scores: Scores,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let mut out = terminal::stdout();
        let (schema, known) = self.schema(&mut out)?;
        let name = self.policy.display();
        let file = files::read_policy(&self.policy, &schema)?;
        if let Some(known) = known {
            file.check_threshold(known.threshold)
                .map_err(|problem| anyhow!("{name}, {problem}"))?;
        }
        files::report_warnings(&mut out, &self.policy, &file.warnings, self.strict)?;
        let findings = check(
            &file,
            &schema,
            known.map_or(Scores::ANY, |known| known.scores),
        );
        for finding in &findings {
            // Its example stands on a line of its own.
            let text = format!("{name}, {finding}");
            text.lines().try_for_each(|line| writeln!(out, "{line}"))?;
        }
        let rules = counted(file.policy.rules.len(), "rule");
        match findings.len() {
            0 => writeln!(out, "{rules}: nothing found")?,
            some => writeln!(out, "{rules}: {}", counted(some, "finding"))?,
        }
        match self.strict && !findings.is_empty() {
            true => Err(Found.into()),
            false => Ok(()),
        }
    }

    /// The schema, and what decides beside it where the model is known.
    fn schema(&self, out: &mut impl Write) -> Result<(Schema, Option<Known>)> {
        match (&self.model, &self.schema) {
            (Some(model), _) => {
                let artifact = Artifact::decode(&read_artifact(model)?)
                    .with_context(|| model.display().to_string())?;
                let known = Known {
                    threshold: artifact.threshold,
                    scores: Scores::of_model(&artifact),
                };
                Ok((artifact.schema, Some(known)))
            }
            (None, Some(path)) => {
                let file = files::read_schema_file(path)?;
                files::report_warnings(out, path, &file.warnings, self.strict)?;
                Ok((file.schema, None))
            }
            (None, None) => bail!(
                "whose fields do the rules name? Give --schema with the schema in TOML, or --model with the model.wasm that the policy is for"
            ),
        }
    }
}
