//! Drift reports as runs, sent to the configured trackers.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use model_drift::report::{Preset, Report};
use model_tracking::folder::{NewRun, RunFolder};
use model_tracking::run::Status;
use model_tracking::tracker::Tracker;
use serde_json::Value;

use super::Args;
use crate::tracking::{self, EXPERIMENT};
use crate::{files, terminal};

/// Saves the report as a run and sends it. A failure is only a warning, because the comparison
/// itself is done. Prints a line for each tracker to `out`.
pub(super) fn send(
    args: &Args,
    report: &Report,
    (html, json): (&[u8], &[u8]),
    trackers: &[Box<dyn Tracker>],
    out: &mut dyn Write,
) {
    if trackers.is_empty() {
        return;
    }
    let sent = save(args, report, html, json)
        .and_then(|run| tracking::push_to(trackers, &run, out).map(drop));
    if let Err(error) = sent {
        let mut stderr = terminal::stderr();
        // Standard error may be closed; there is nowhere else to report this.
        let _ = writeln!(stderr, "warning: the report was not tracked: {error:#}");
    }
}

fn save(args: &Args, report: &Report, html: &[u8], json: &[u8]) -> Result<RunFolder> {
    let preset = match report.preset {
        Preset::Default => "default",
        Preset::Evidently => "evidently",
    };
    let mut params = BTreeMap::from([
        ("reference".to_owned(), Value::from(&*report.reference)),
        ("current".to_owned(), Value::from(&*report.current)),
        ("preset".to_owned(), Value::from(preset)),
        ("self_check".to_owned(), Value::from(report.self_check)),
    ]);
    if let Some(method) = &args.method {
        params.insert("method".to_owned(), Value::from(&**method));
    }
    let new = NewRun {
        name: Some(format!("drift of {}", report.current)),
        experiment: EXPERIMENT.to_owned(),
        command: std::env::args().collect(),
        params,
        tags: BTreeMap::from([("underwrite.kind".to_owned(), "drift".to_owned())]),
        dataset: None,
    };
    files::keep_out_of_logs(&args.runs.join("run"))?;
    let mut run = RunFolder::create(&args.runs, new)?;
    run.add_artifact("reports/drift_report.html", html)?;
    run.add_artifact("reports/drift.json", json)?;
    run.update(|run| run.metrics = metrics(report))?;
    run.finish(Status::Finished)?;
    Ok(run)
}

/// The verdict, and the score of each column with the share of rows that moved.
fn metrics(report: &Report) -> BTreeMap<String, f64> {
    let verdict = f64::from(u8::from(report.dataset_drift));
    let mut metrics = BTreeMap::from([
        ("dataset_drift".to_owned(), verdict),
        ("share_drifted".to_owned(), report.share_drifted),
        ("reference_rows".to_owned(), report.reference_rows as f64),
        ("current_rows".to_owned(), report.current_rows as f64),
    ]);
    if let Some(classifier) = &report.classifier {
        metrics.insert("classifier_auc".to_owned(), classifier.auc);
    }
    for column in &report.columns {
        let name = metric_name(&column.name);
        metrics.insert(format!("score/{name}"), column.score);
        let effect = column
            .effect_size
            .map(|effect| (format!("moved/{name}"), effect));
        metrics.extend(effect);
    }
    metrics
}

/// A column's name as part of a metric's: trackers accept letters, digits, `_`, `-`, `.` and
/// spaces.
fn metric_name(name: &str) -> String {
    let fine = |letter: char| letter.is_ascii_alphanumeric() || "_-. ".contains(letter);
    name.chars()
        .map(|letter| if fine(letter) { letter } else { '_' })
        .collect()
}
