//! `underwrite log report`

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use model_log_report::{Period, Report};

use super::{Folder, minute};
use crate::{files, progress, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite log report decisions --out overrides.html
  underwrite log report decisions --since 2026-11-01 --until 2026-12-01 --json overrides.json

Decisions of the period are counted, with whatever people did with them since.";

/// Report what people did with decisions: overrides by reason, person and model, and how the
/// loans fared.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    log: Folder,
    /// Write the report as an HTML page to this file.
    #[arg(long, value_name = "FILE", required_unless_present = "json")]
    out: Option<PathBuf>,
    /// Write the counts as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Leave out decisions before this day or time, in UTC.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Leave out decisions of this day or time and later, in UTC.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        files::keep_apart(
            &[],
            &[
                ("--out", self.out.as_deref()),
                ("--json", self.json.as_deref()),
            ],
        )?;
        let period = Period {
            from: self.since.as_deref().map(minute).transpose()?,
            to: self.until.as_deref().map(minute).transpose()?,
        };
        let reader = self.log.open()?;
        let spinner = progress::spinner("Reading");
        let report = Report::read(&reader, period);
        spinner.finish_and_clear();
        let report = report?;
        if let Some(path) = &self.out {
            files::write(
                path,
                report
                    .html(&self.log.folder.display().to_string())?
                    .as_bytes(),
            )?;
        }
        if let Some(path) = &self.json {
            files::write(path, &serde_json::to_vec_pretty(&report)?)?;
        }
        let all = &report.all;
        let (low, high, referrals) = (all.low_side(), all.high_side(), all.referrals());
        let mut out = terminal::stdout();
        writeln!(
            out,
            "decisions   {}, {} by people",
            all.decisions(),
            all.by_people()
        )?;
        writeln!(out, "low-side    {} of {} declined", low.0, low.1)?;
        writeln!(out, "high-side   {} of {} approved", high.0, high.1)?;
        writeln!(
            out,
            "referrals   {} of {} decided",
            referrals.1,
            all.referred()
        )?;
        for path in [&self.out, &self.json].into_iter().flatten() {
            writeln!(out, "wrote       {}", path.display())?;
        }
        Ok(())
    }
}
