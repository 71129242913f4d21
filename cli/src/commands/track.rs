//! `underwrite track`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Subcommand;
use model_client::one_line;
use model_tracking::folder::RunFolder;
use model_tracking::run::Status;
use model_tracking::tracker::Tracker;
use serde_json::json;

use crate::config_file::ConfigFile;
use crate::terminal;
use crate::tracking::{self, Config, RUNS, TrackingArgs};

const EXAMPLES: &str = "\
Examples:
  underwrite track list
  underwrite track push latest --mlflow-tracking-uri http://127.0.0.1:5000
  WANDB_MODE=offline underwrite track push 20261122-101500-3f9a1c2b";

/// List the runs on disk, and send them to MLflow or Weights & Biases.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Push(Box<Push>),
    List(List),
}

/// Send a run to the trackers that do not have it yet.
///
/// Exits with 2 if any tracker rejects the run; the others still receive it.
#[derive(Debug, clap::Args)]
struct Push {
    /// Run to send: its id, name or folder, or latest.
    #[arg(value_name = "RUN")]
    run: String,
    /// Folder of the runs.
    #[arg(long, value_name = "FOLDER", default_value = RUNS)]
    runs: PathBuf,
    /// Read [tracking] from this file [default: underwrite.toml, if present].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Send it again to trackers that have it already; nothing is duplicated.
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    tracking: TrackingArgs,
}

/// List the runs, oldest first, with the trackers that have them.
#[derive(Debug, clap::Args)]
struct List {
    /// Folder of the runs.
    #[arg(long, value_name = "FOLDER", default_value = RUNS)]
    runs: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Push(push) => push.run(),
            Command::List(list) => list.run(),
        }
    }
}

impl Push {
    fn run(self) -> Result<()> {
        let config = Config::read(ConfigFile::open(self.config.as_deref())?.as_ref())?;
        let mut trackers = tracking::trackers(&self.tracking, &config)?;
        ensure!(
            !trackers.is_empty(),
            "no tracker is configured: set MLFLOW_TRACKING_URI, WANDB_API_KEY or WANDB_MODE=offline, or name one with --trackers"
        );
        let run = RunFolder::find(&self.runs, &self.run)?;
        if !self.again {
            trackers = missing(trackers, &run)?;
        }
        let failed = tracking::push(&trackers, &run)?;
        if !failed.is_empty() {
            bail!(
                "run {} did not reach {}",
                run.run().id,
                failed.join(" and ")
            );
        }
        Ok(())
    }
}

/// The trackers that do not have the run as it is now; prints which ones do.
fn missing(trackers: Vec<Box<dyn Tracker>>, run: &RunFolder) -> Result<Vec<Box<dyn Tracker>>> {
    let tracked = run.tracked()?;
    let ended = run.run().finished_ms;
    let mut left = Vec::new();
    for tracker in trackers {
        match tracked.get(tracker.name()) {
            Some(pushed) if ended.is_some_and(|ended| pushed.time_ms >= ended) => {
                let name = tracker.name();
                writeln!(
                    terminal::stdout(),
                    "{name}: already has the run, {} (send it again with --again)",
                    one_line(&pushed.url)
                )?;
            }
            _ => left.push(tracker),
        }
    }
    Ok(left)
}

impl List {
    fn run(self) -> Result<()> {
        let (runs, damaged) = RunFolder::list_all(&self.runs)?;
        for error in damaged {
            writeln!(terminal::stderr(), "warning: {error}; the run is left out")?;
        }
        let mut stdout = terminal::stdout();
        if self.json {
            let list = runs.iter().map(|run| {
                Ok(json!({
                    "run": run.run(), "folder": run.path(), "tracked": run.tracked()?,
                }))
            });
            let list = list.collect::<Result<Vec<_>>>()?;
            serde_json::to_writer_pretty(&mut stdout, &list)?;
            return Ok(writeln!(stdout)?);
        }
        if runs.is_empty() {
            let folder = show(&self.runs);
            return Ok(writeln!(
                stdout,
                "no runs in {folder}: `underwrite train` creates them"
            )?);
        }
        for run in &runs {
            let (known, tracked) = (run.run(), run.tracked()?);
            // The folder may be somebody else's: a name is no more than a name here.
            let trackers: Vec<String> = tracked.keys().map(|name| one_line(name)).collect();
            let trackers = if trackers.is_empty() {
                "not sent".to_owned()
            } else {
                trackers.join(", ")
            };
            let auc = known.metrics.get("roc_auc");
            let auc = auc.map_or_else(|| "-".to_owned(), |auc| format!("roc_auc {auc:.4}"));
            writeln!(
                stdout,
                "{}  {:<11}  {:<20}  {auc:<14}  {trackers}",
                known.id,
                status_name(known.status),
                one_line(&known.name)
            )?;
        }
        Ok(())
    }
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Running => "running",
        Status::Finished => "finished",
        Status::Failed => "failed",
        Status::Interrupted => "interrupted",
    }
}

fn show(folder: &Path) -> String {
    folder.display().to_string()
}
