//! `underwrite log prove`

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;

use super::Folder;
use crate::{files, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite log prove decisions 4711 > 4711.tlog-proof
  underwrite log prove decisions 4711 --out 4711.tlog-proof

examples/check-proof checks the file offline, with the log's verifier-key.";

/// Write a proof that a record is in the log: a C2SP tlog-proof file.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    log: Folder,
    /// The record.
    #[arg(value_name = "INDEX")]
    index: u64,
    /// File to write [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        files::keep_apart(&[], &[("--out", self.out.as_deref())])?;
        let proof = self.log.open()?.prove(self.index)?;
        match &self.out {
            Some(path) => files::write(path, proof.as_bytes()),
            None => Ok(terminal::stdout().write_all(proof.as_bytes())?),
        }
    }
}
