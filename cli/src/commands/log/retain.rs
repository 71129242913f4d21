//! `underwrite log retain`

use std::io::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Result;
use model_client::Body;

use super::change::{Server, folder};
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
            let found: Vec<serde_json::Value> = serde_json::from_slice(&answer)?;
            let mut out = terminal::stdout();
            for found in found {
                match found.get("index").filter(|_| !self.json) {
                    Some(index) => writeln!(out, "{index}")?,
                    None => {
                        out.write_all(found.to_string().as_bytes())?;
                        writeln!(out)?;
                    }
                }
            }
            return Ok(());
        }
        let reader = folder(self.folder, self.keys)?.open()?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let now = u32::try_from(since.as_secs() / 60)?;
        let found = reader.beyond_retention(self.retention.unwrap_or(MONTHS), now)?;
        search::print(&found, self.json)
    }
}
