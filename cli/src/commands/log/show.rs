//! `underwrite log show`

use std::io::Write;

use anyhow::Result;
use model_log::retention::{micros_text, minute_text};
use model_log::{Opened, Query};

use super::Folder;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  underwrite log show decisions 4711
  underwrite log show decisions 4711 --json";

/// Show one record, and the records about it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    log: Folder,
    /// The record.
    #[arg(value_name = "INDEX")]
    index: u64,
    /// Print the record as JSON.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let reader = self.log.open()?;
        let record = reader.record(self.index)?;
        let mut out = terminal::stdout();
        if self.json {
            out.write_all(serde_json::to_string_pretty(&record)?.as_bytes())?;
            return Ok(writeln!(out)?);
        }
        for (name, value) in rows(&record)? {
            if !value.is_empty() {
                writeln!(out, "{name:12} {value}")?;
            }
        }
        let about = Query {
            link: Some(self.index),
            ..Query::default()
        };
        for found in reader.search(&about)? {
            let (kind, minute) = (found.kind.name(), minute_text(found.minute));
            writeln!(out, "{:12} {} {kind}, {minute}", "followed by", found.index)?;
        }
        Ok(())
    }
}

fn rows(record: &Opened) -> Result<Vec<(&'static str, String)>> {
    let digest = |digest: model_log::Digest| match digest.is_none() {
        true => String::new(),
        false => format!("sha256-{digest}"),
    };
    let number = |number: Option<u64>| number.map_or(String::new(), |number| number.to_string());
    let mut rows = vec![
        ("record", record.index.to_string()),
        ("kind", record.kind.name().to_owned()),
        ("outcome", record.outcome.name().to_owned()),
        ("leaf", record.leaf.to_string()),
        ("model", digest(record.model)),
        ("policy", digest(record.policy)),
        ("about", number(record.link)),
    ];
    let Some(body) = &record.body else {
        rows.push(("time", minute_text(record.minute)));
        rows.push(("body", "erased".to_owned()));
        return Ok(rows);
    };
    let details = &body.details;
    let event = match &details.event {
        Some(event) => serde_json::to_string(event)?,
        None => String::new(),
    };
    let status = Some(u64::from(details.status)).filter(|status| *status > 0);
    rows.extend([
        ("time", micros_text(details.time)),
        ("route", details.route.clone()),
        ("role", format!("{:?}", details.role).to_lowercase()),
        ("row", number(details.row)),
        ("status", number(status)),
        ("request id", details.request_id.clone()),
        ("application", details.application.clone()),
        ("caller", details.caller.clone()),
        ("body", digest(details.body_sha256)),
        ("program", details.program.clone()),
        ("event", event),
        (
            "request",
            String::from_utf8_lossy(&body.request).into_owned(),
        ),
        ("answer", String::from_utf8_lossy(&body.answer).into_owned()),
    ]);
    Ok(rows)
}
