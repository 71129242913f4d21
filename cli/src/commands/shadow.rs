//! `underwrite shadow`: champion against challenger from a server's counts.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use model_train::shadow::{self, Shadow};

use crate::{files, terminal};

const EXAMPLES: &str = "\
Examples:
  curl --silent http://localhost:8080/metrics | underwrite shadow --metrics -
  underwrite shadow --metrics metrics.txt --json shadow.json

The counts hold no outcomes. To see whether the challenger is better, measure both on rows whose
outcome is known: underwrite evaluate --model champion.wasm --model challenger.wasm --data FILE";

/// Compare a challenger in the shadow with the champion, from the server's counts.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What the server answers at /metrics; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    metrics: PathBuf,
    /// Write the comparison to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        files::keep_apart(
            &[("--metrics", Some(&self.metrics))],
            &[("--json", self.json.as_deref())],
        )?;
        let mut source = files::Source::open(&self.metrics)?;
        let mut metrics = String::new();
        (source.bytes.read_to_string(&mut metrics)).with_context(|| source.name.clone())?;
        let shadows = shadow::read(&metrics).with_context(|| source.name.clone())?;
        if let Some(path) = &self.json {
            write_json(path, &shadows)?;
        }
        let mut out = terminal::stdout();
        shadows
            .iter()
            .try_for_each(|shadow| print(&mut out, shadow))
    }
}

fn write_json(path: &Path, shadows: &[Shadow]) -> Result<()> {
    let mut json = serde_json::to_vec_pretty(shadows)?;
    json.push(b'\n');
    files::write(path, &json)
}

fn print(out: &mut impl Write, shadow: &Shadow) -> Result<()> {
    writeln!(
        out,
        "{} {} in the shadow, {} requests compared:",
        shadow.model, shadow.version, shadow.compared
    )?;
    if let (Some(share), Some(interval)) = (shadow.agreement, shadow.agreement_interval) {
        let percent = |share: f64| 100.0 * share;
        writeln!(
            out,
            "  {:<26} {:.2}%  ({:.2}% to {:.2}%)",
            "decided_alike",
            percent(share),
            percent(interval.low),
            percent(interval.high)
        )?;
    }
    for sides in &shadow.outcomes {
        let pair = format!("{} -> {}", sides.champion, sides.challenger);
        writeln!(out, "  {pair:<26} {}", sides.requests)?;
    }
    if let Some(mean) = shadow.mean_difference {
        write!(out, "  {:<26} {mean:.4}", "probability_difference")?;
        if let Some(most) = shadow.difference_95 {
            write!(out, "  (95% at most {most})")?;
        }
        writeln!(out)?;
    }
    for (name, count) in [("failed", shadow.failed), ("dropped", shadow.dropped)] {
        if count > 0 {
            writeln!(out, "  {name:<26} {count}")?;
        }
    }
    Ok(())
}
