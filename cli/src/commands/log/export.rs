//! `underwrite log export`

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;

use super::Folder;
use crate::files;

const EXAMPLES: &str = "\
Examples:
  underwrite log export decisions --out decisions.ndjson
  underwrite log export decisions --from 1000 --to 2000 | head";

/// Write records as lines of JSON, with the applicants' data.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    log: Folder,
    /// First record.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
    /// The record after the last one [default: all].
    #[arg(long, value_name = "INDEX")]
    to: Option<u64>,
    /// File to write; `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let reader = self.log.open()?;
        let mut sink = files::Sink::create(&self.out)?;
        reader.scan(self.from, self.to.unwrap_or(u64::MAX), |record| {
            serde_json::to_writer(&mut sink, &record)?;
            Ok::<_, anyhow::Error>(sink.write_all(b"\n")?)
        })?;
        sink.finish()
    }
}
