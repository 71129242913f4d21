//! `search.jsonl` in a run's folder: what identifies the search, then its trials, one a line,
//! so that the search can be resumed. Each trial has a checksum over the search and itself, since
//! a figure that was altered would choose another model.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};
use model_files::{append_line, sha256_hex};
use model_tracking::folder::RunFolder;
use model_train::pipeline::SearchIdentity;
use model_train::tune::Trial;

const FILE: &str = "search.jsonl";

/// Digits of a checksum: enough to notice what was altered by mistake.
const SUM_DIGITS: usize = 16;

/// Begins the file.
pub(super) fn begin(folder: &RunFolder, identity: &SearchIdentity) -> Result<()> {
    append_to(folder, &serde_json::to_string(identity)?)
}

/// Adds a finished trial.
pub(super) fn append(folder: &RunFolder, trial: &Trial) -> Result<()> {
    let path = folder.file(FILE)?;
    let mut first = String::new();
    File::open(&path)
        .and_then(|file| BufReader::new(file).read_line(&mut first))
        .with_context(|| cannot_read(&path))?;
    let trial = serde_json::to_string(trial)?;
    append_to(folder, &summed(first.trim_end_matches('\n'), &trial))
}

/// The finished trials, if the search is the same. A truncated last line is ignored.
pub(super) fn read(folder: &RunFolder, identity: &SearchIdentity) -> Result<Vec<Trial>> {
    let path = folder.file(FILE)?;
    let text =
        fs::read_to_string(&path).with_context(|| format!("--resume: {}", cannot_read(&path)))?;
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
            let number = index + 2;
            let trial = without_sum(first, line).with_context(|| {
                format!(
                    "{name}, line {number}: the trial was altered since it was written: restore the file, or start a new search without --resume"
                )
            })?;
            serde_json::from_str(&trial).with_context(|| format!("{name}, line {number}"))
        })
        .collect()
}

/// A trial's JSON with its checksum as the last field.
fn summed(search: &str, trial: &str) -> String {
    let sum = sum(search, trial);
    let fields = trial.strip_suffix('}').unwrap_or(trial);
    format!("{fields},\"sum\":\"{sum}\"}}")
}

/// The trial's JSON as it was before [`summed`]; `None` when it has another checksum, or none.
fn without_sum(search: &str, line: &str) -> Option<String> {
    let (fields, end) = line.rsplit_once(",\"sum\":\"")?;
    let trial = format!("{fields}}}");
    (end.strip_suffix("\"}")? == sum(search, &trial)).then_some(trial)
}

fn sum(search: &str, trial: &str) -> String {
    let mut sum = sha256_hex(format!("{search}\n{trial}").as_bytes());
    sum.truncate(SUM_DIGITS);
    sum
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}

fn append_to(folder: &RunFolder, line: &str) -> Result<()> {
    let path = folder.file(FILE)?;
    append_line(&path, line).with_context(|| format!("cannot write {}", path.display()))
}
