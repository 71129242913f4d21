//! `underwrite policy diff`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use model_train::applications::{Applications, Unreadable};
use model_train::policy_diff::{Difference, difference};

use super::{Found, load};
use crate::{files, progress, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite policy diff model.wasm new.wasm --data applications.csv
  underwrite policy diff model.wasm new.wasm --data applications.csv --report diff.html

Exit codes: 0 if all are decided alike, 1 if some are not, 2 for an error.";

/// Show who would be decided differently by another file, and by which rule.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The file that decides today.
    #[arg(value_name = "OLD.WASM")]
    old: PathBuf,
    /// The file that would decide.
    #[arg(value_name = "NEW.WASM")]
    new: PathBuf,
    /// Applications: a CSV file with a header, or a Parquet file; `-` reads CSV from standard input.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Write an HTML report to this file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        files::keep_apart(
            &[
                ("OLD.WASM", Some(&self.old)),
                ("NEW.WASM", Some(&self.new)),
                ("--data", Some(&self.data)),
            ],
            &[("--report", self.report.as_deref())],
        )?;
        let (mut old, mut new) = (load(&self.old)?, load(&self.new)?);
        // What means missing may differ.
        let schemas = [&old, &new].map(|decider| &decider.artifact().schema);
        let source = files::Source::open_for(&self.data, &schemas)?;
        let bar = progress::bytes(source.len, "Reading");
        let (name, unreadable) = (&source.name, Unreadable::Fail);
        let read = |read| bar.set_position(read);
        let applications =
            Applications::read_each(source.bytes, name, schemas, None, unreadable, read)?;
        bar.finish_and_clear();
        let difference = difference(applications.each_ref(), &mut old, &mut new)
            .map_err(|problem| anyhow!("{}: {problem}", self.new.display()))?;
        if let Some(path) = &self.report {
            let (old, new) = (
                self.old.display().to_string(),
                self.new.display().to_string(),
            );
            let html = difference.html(&old, &new, &source.name)?;
            files::write(path, html.as_bytes())?;
        }
        write(&mut terminal::stdout(), &difference)?;
        match difference.changes.is_empty() {
            true => Ok(()),
            false => Err(Found.into()),
        }
    }
}

fn write(out: &mut impl Write, difference: &Difference) -> Result<()> {
    let changed = difference.changes.len();
    let rows = difference.rows;
    let applications = if rows == 1 {
        "application"
    } else {
        "applications"
    };
    let are = if changed == 1 { "is" } else { "are" };
    writeln!(
        out,
        "{changed} of {rows} {applications} {are} decided differently"
    )?;
    if changed > 0 {
        writeln!(out)?;
        writeln!(out, "{:<8}  {:<8}  {:>8}  by", "before", "after", "rows")?;
    }
    for ((old, new, cause), rows) in difference.by_cause() {
        let (old, new) = (old.word(), new.word());
        writeln!(out, "{old:<8}  {new:<8}  {rows:>8}  {cause}")?;
    }
    Ok(())
}
