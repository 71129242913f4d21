//! `underwrite log`

mod change;
mod export;
mod prove;
mod replay;
mod report;
mod retain;
mod search;
mod show;
mod verify;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use model_log::Reader;

const EXAMPLES: &str = "\
Examples:
  underwrite log verify decisions --checkpoint kept-elsewhere.txt
  underwrite log replay decisions
  underwrite log search decisions --application A-1207
  underwrite log prove decisions 4711 --out 4711.tlog-proof
  underwrite log erase decisions 4711 --because 'request of 2026-11-28'";

/// Check, replay, search and change the decision log that `serve --decision-log` keeps.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(verify::Args),
    Replay(replay::Args),
    Prove(prove::Args),
    Show(show::Args),
    Search(search::Args),
    Export(export::Args),
    Report(report::Args),
    Hold(change::Hold),
    Release(change::Release),
    Erase(change::Erase),
    Retain(retain::Args),
}

/// The check found problems; it has said so.
#[derive(Debug, thiserror::Error)]
#[error("the check found problems")]
pub(crate) struct Problems;

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Verify(args) => args.run(),
            Command::Replay(args) => args.run(),
            Command::Prove(args) => args.run(),
            Command::Show(args) => args.run(),
            Command::Search(args) => args.run(),
            Command::Export(args) => args.run(),
            Command::Report(args) => args.run(),
            Command::Hold(args) => args.run(),
            Command::Release(args) => args.run(),
            Command::Erase(args) => args.run(),
            Command::Retain(args) => args.run(),
        }
    }
}

/// The log that a command reads.
#[derive(Debug, clap::Args)]
struct Folder {
    /// Folder of the log.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Folder of the keys [default: FOLDER/keys].
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
}

impl Folder {
    fn open(&self) -> Result<Reader> {
        Ok(Reader::open(&self.folder, self.keys.as_deref())?)
    }
}

/// A day, or a time to the minute, in minutes since 1970 UTC.
fn minute(text: &str) -> Result<u32> {
    let text = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    let time = humantime::parse_rfc3339_weak(&text).with_context(|| {
        format!("`{text}` is no time: expected 2026-11-28 or 2026-11-28T21:40:00Z, in UTC")
    })?;
    let since = time.duration_since(std::time::UNIX_EPOCH)?;
    Ok(u32::try_from(since.as_secs() / 60)?)
}
