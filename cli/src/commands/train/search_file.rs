//! `search.jsonl` in a run's folder: what identifies the search, then its trials, one a line,
//! so that the search can be resumed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use model_files::append_line;
use model_tracking::folder::RunFolder;
use model_train::pipeline::SearchIdentity;
use model_train::tune::Trial;

const FILE: &str = "search.jsonl";

/// Begins the file.
pub(super) fn begin(folder: &RunFolder, identity: &SearchIdentity) -> Result<()> {
    append_to(folder, &serde_json::to_string(identity)?)
}

/// Adds a finished trial.
pub(super) fn append(folder: &RunFolder, trial: &Trial) -> Result<()> {
    append_to(folder, &serde_json::to_string(trial)?)
}

/// The finished trials, if the search is the same. A truncated last line is ignored.
pub(super) fn read(folder: &RunFolder, identity: &SearchIdentity) -> Result<Vec<Trial>> {
    let path = path(folder);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("--resume: cannot read {}", path.display()))?;
    parse(&path, &text, identity)
}

fn parse(path: &Path, text: &str, identity: &SearchIdentity) -> Result<Vec<Trial>> {
    let name = path.display();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut lines = whole.lines();
    let first = lines.next().unwrap_or_default();
    let kept: SearchIdentity =
        serde_json::from_str(first).with_context(|| format!("{name}, line 1"))?;
    if let Some(what) = identity.difference(&kept) {
        bail!(
            "--resume: the trials in {name} were made with another {what}: use the one they were made with, or start a new search without --resume"
        );
    }
    lines
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| format!("{name}, line {}", index + 2))
        })
        .collect()
}

fn append_to(folder: &RunFolder, line: &str) -> Result<()> {
    let path = path(folder);
    append_line(&path, line).with_context(|| format!("cannot write {}", path.display()))
}

fn path(folder: &RunFolder) -> PathBuf {
    folder.path().join(FILE)
}
