//! `underwrite log search`

use std::io::Write;

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use model_log::retention::minute_text;
use model_log::{Found, Kind, Outcome, Query};

use super::{Folder, minute};
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  underwrite log search decisions --request-id 0193f2a4-77c1-7d35-a0d0-2f6d1c6a9b1e
  underwrite log search decisions --application A-1207
  underwrite log search decisions --outcome refer --open
  underwrite log search decisions --since 2026-11-01 --until 2026-11-30 --kind override";

/// List records by request id, application id, time or outcome.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    log: Folder,
    /// Request id, as in the header of the answer.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Application id, as the client gave it.
    #[arg(long, value_name = "ID")]
    application: Option<String>,
    /// How the application came out.
    #[arg(long, value_enum)]
    outcome: Option<Came>,
    /// Kind of record, such as decision, override or erasure.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only records about this one.
    #[arg(long, value_name = "INDEX")]
    about: Option<u64>,
    /// Only decisions that somebody was given and nobody has overridden.
    #[arg(long)]
    open: bool,
    /// First day or time, in UTC.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Last day or time, in UTC.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The most records to list; 0 is all.
    #[arg(long, default_value_t = 0)]
    limit: usize,
    /// Print the records as lines of JSON.
    #[arg(long)]
    json: bool,
}

/// How an application came out.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Came {
    Approve,
    Refer,
    Decline,
}

/// Minutes of a day, less one.
const REST_OF_DAY: u32 = 24 * 60 - 1;

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let reader = self.log.open()?;
        let until = match &self.until {
            // A day ends with its last minute.
            Some(day) if day.len() == 10 => Some(minute(day)?.saturating_add(REST_OF_DAY)),
            Some(time) => Some(minute(time)?),
            None => None,
        };
        let query = Query {
            kinds: self
                .kind
                .as_deref()
                .map(kind)
                .transpose()?
                .into_iter()
                .collect(),
            outcome: self.outcome.map(|came| match came {
                Came::Approve => Outcome::Approve,
                Came::Refer => Outcome::Refer,
                Came::Decline => Outcome::Decline,
            }),
            request_id: self.request_id,
            application: self.application,
            link: self.about,
            from_minute: self.since.as_deref().map(minute).transpose()?,
            to_minute: until,
            open: self.open,
            limit: self.limit,
            ..Query::default()
        };
        print(&reader.search(&query)?, self.json, "")
    }
}

fn kind(name: &str) -> Result<Kind> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name).join(", ");
        anyhow!("`{name}` is no kind of record: expected one of {names}")
    })
}

/// Prints records as the index has them; a line that is no JSON ends with `more`.
pub(super) fn print(found: &[Found], json: bool, more: &str) -> Result<()> {
    let mut out = terminal::stdout();
    for found in found {
        if json {
            out.write_all(serde_json::to_string(found)?.as_bytes())?;
            writeln!(out)?;
            continue;
        }
        let about = found
            .link
            .map_or(String::new(), |link| format!("  about {link}"));
        let erased = if found.erased { "  erased" } else { "" };
        let (kind, outcome) = (found.kind.name(), found.outcome.name());
        let time = minute_text(found.minute);
        writeln!(
            out,
            "{:>10}  {time}  {kind:13}  {outcome:8}{about}{erased}{more}",
            found.index
        )?;
    }
    Ok(())
}
