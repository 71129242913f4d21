//! `underwrite log verify`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use model_log::Verifier;
use model_log::verify::{Against, verify};

use super::{Folder, Problems};
use crate::counted::counted;
use crate::{files, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite log verify decisions
  underwrite log verify decisions --checkpoint kept-elsewhere.txt --key verifier-key.txt

Exit code: 0 without problems, 1 with problems, 2 if the log cannot be read.";

/// Derive everything again, and compare it with every byte of the folder.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    log: Folder,
    /// Checkpoint that was kept elsewhere: what it covers cannot have been replaced since.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Public key that was kept elsewhere [default: verifier-key in the folder].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let text = |path: &PathBuf| -> Result<String> {
            let name = path.display();
            String::from_utf8(files::read(path)?).with_context(|| format!("{name}: not a text"))
        };
        let verifier = match &self.key {
            Some(path) => {
                let key = Verifier::parse(&text(path)?);
                Some(key.with_context(|| path.display().to_string())?)
            }
            None => None,
        };
        let against = Against {
            keys: self.log.keys,
            verifier,
            checkpoint: self.checkpoint.as_ref().map(text).transpose()?,
        };
        let report = verify(&self.log.folder, &against)?;
        let mut out = terminal::stdout();
        if self.json {
            out.write_all(serde_json::to_string_pretty(&report)?.as_bytes())?;
            writeln!(out)?;
        } else {
            for note in &report.notes {
                writeln!(out, "note: {note}")?;
            }
            for problem in &report.problems {
                writeln!(out, "problem: {problem}")?;
            }
            if report.erased > 0 {
                match report.erased {
                    1 => writeln!(out, "1 record was erased")?,
                    erased => writeln!(out, "{erased} records were erased")?,
                }
            }
            match report.covered {
                Some(covered) => writeln!(
                    out,
                    "the checkpoint from elsewhere covers {covered} records; whoever has the keys can replace the {} after them",
                    report.records.saturating_sub(covered)
                )?,
                None => writeln!(
                    out,
                    "no checkpoint from elsewhere was given: whoever has the keys can replace records (--checkpoint FILE)"
                )?,
            }
            let records = counted(report.records, "record");
            let problems = counted(report.problems.len(), "problem");
            writeln!(out, "{records}, {problems}")?;
        }
        if report.problems.is_empty() {
            Ok(())
        } else {
            Err(Problems.into())
        }
    }
}
