//! `underwrite card`: drafts what people write for a model card.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Subcommand;
use model_train::card::Document;

use crate::{files, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite card init
  underwrite card init --out model-card.toml
  underwrite train --data loans.csv --schema loan.toml --out model.wasm --card card.toml
  underwrite evaluate --model model.wasm --data new.csv --card README.md --card-texts card.toml";

/// Work with the texts of a model card that people write.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(Init),
}

/// Draft a card.toml: every key with what to write there.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct Init {
    /// Where the draft goes; a file that exists is never replaced; `-` is standard output.
    #[arg(long, value_name = "FILE.toml", default_value = "card.toml")]
    out: PathBuf,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let Command::Init(Init { out }) = self.command;
        ensure!(
            !out.exists(),
            "{} exists: name another file with --out, or remove it",
            out.display()
        );
        files::write(&out, Document::draft().as_bytes())?;
        if out.as_path() != Path::new("-") {
            writeln!(terminal::stdout(), "{}", out.display())?;
        }
        Ok(())
    }
}
