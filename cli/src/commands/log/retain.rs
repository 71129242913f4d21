//! `underwrite log retain`

use std::io::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Result;
use model_client::Body;

use super::change::{LOG, Server, folder};
use super::search;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  underwrite log retain decisions
  underwrite log retain decisions > beyond.txt
  underwrite log erase decisions --from beyond.txt --because 'retention of 60 months'";

/// List records that are beyond their retention and not on hold.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Folder of the log, unless --server is given.
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Months of retention, from the latest of the decision, its notice and its last linked
    /// record [default: 60, or the server's].
    #[arg(long, value_name = "MONTHS")]
    retention: Option<u32>,
    /// Folder of the keys [default: FOLDER/keys].
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
    /// Print the records as lines of JSON.
    #[arg(long)]
    json: bool,
}

/// Months of retention.
const MONTHS: u32 = 60;

impl Args {
    pub(super) fn run(self) -> Result<()> {
        if self.server.server.is_some() {
            let query = self
                .retention
                .map_or(String::new(), |months| format!("?months={months}"));
            let answer = self
                .server
                .ask("GET", &format!("/log/retain{query}"), Body::Empty)?;
            let found: Vec<u64> = serde_json::from_slice(&answer.body)?;
            let log = answer.header("x-decision-log-id");
            let log = log.map_or(String::new(), of);
            let mut out = terminal::stdout();
            for index in found {
                match self.json {
                    true => writeln!(out, "{index}")?,
                    false => writeln!(out, "{index}{log}")?,
                }
            }
            return Ok(());
        }
        let reader = folder(self.folder, self.keys)?.open()?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let now = u32::try_from(since.as_secs() / 60)?;
        let found = reader.beyond_retention(self.retention.unwrap_or(MONTHS), now)?;
        let log = reader.verifier().map(|key| of(&key.id()));
        search::print(&found, self.json, &log.unwrap_or_default())
    }
}

/// What says at the end of a line which log it is of.
fn of(log: &str) -> String {
    format!("  {LOG}{log}")
}
