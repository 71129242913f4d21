//! The fuzz target of run folders, which other programs and people may have changed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics when something does not hold"
)]

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use model_tracking::folder::{NewRun, RunError, RunFolder};
use model_tracking::run::{HistoryPoint, Pushed, Status, Trial, TrialState};

use crate::fuzz::Target;

/// The target.
pub(super) const TARGET: Target = Target {
    name: "run_folder",
    check: run_folder,
    seeds,
    words: WORDS,
};

const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\n",
    b"\xff",
    b"\0",
    b"null",
    b"1e999",
    b"-0",
    b"\"NaN\"",
    b"\"Infinity\"",
    b"\"format\"",
    b"\"status\"",
    b"\"running\"",
    b"\"finished\"",
    b"\"metrics\"",
    b"\"folds\"",
    b"\"artifacts\"",
    b"\"../../x\"",
    b"9223372036854775808",
];

/// What of a run is read; the first byte of an input chooses.
const FILES: [&str; 4] = ["run.json", "trials.jsonl", "history.jsonl", "tracked.json"];

thread_local! {
    static RUNS: OnceCell<PathBuf> = const { OnceCell::new() };
}

/// Any bytes as a file of a run: it is read or refused with its name, and the run beside it is
/// found as before.
fn run_folder(data: &[u8]) -> String {
    RUNS.with(|runs| {
        let runs = runs.get_or_init(two_runs);
        let (first, content) = data.split_first().unwrap_or((&0, data));
        let name = FILES[usize::from(*first) % FILES.len()];
        let path = runs.join("changed").join(name);
        let before = fs::read(&path).unwrap();
        fs::write(&path, content).unwrap();
        let said = read(runs);
        fs::write(&path, before).unwrap();
        format!("{name} {said}")
    })
}

fn read(runs: &std::path::Path) -> String {
    let (found, damaged) = RunFolder::list_all(runs).unwrap();
    assert_eq!(found.len() + damaged.len(), 2);
    assert!(found.iter().any(|run| run.path().ends_with("kept")));
    let mut said: Vec<String> = damaged.iter().map(refusal).collect();
    if let Some(run) = found.iter().find(|run| run.path().ends_with("changed")) {
        // Nobody holds its lock: whatever it says, it does not run.
        assert_ne!(run.run().status, Status::Running);
        let read = [
            run.trials().map(|trials| trials.len()),
            run.history().map(|points| points.len()),
            run.tracked().map(|trackers| trackers.len()),
        ];
        said.extend(read.into_iter().map(|one| match one {
            Ok(count) => count.min(3).to_string(),
            Err(error) => refusal(&error),
        }));
    }
    said.join("; ")
}

/// The words of a refusal, without its names and numbers; it says which file.
fn refusal(error: &RunError) -> String {
    let text = error.to_string();
    assert!(FILES.iter().any(|file| text.contains(file)), "{text}");
    let words = text.rsplit(": ").next().unwrap_or_default();
    let letters = words.chars().filter(char::is_ascii_alphabetic);
    letters.take(60).collect()
}

fn two_runs() -> PathBuf {
    let runs = std::env::temp_dir().join(format!("underwrite-fuzz-runs-{}", std::process::id()));
    for name in ["kept", "changed"] {
        let new = NewRun {
            name: Some(name.to_owned()),
            experiment: "loans".to_owned(),
            ..NewRun::default()
        };
        let mut run = RunFolder::create(&runs, new).unwrap();
        run.append_trial(&trial()).unwrap();
        let metrics = BTreeMap::from([("auc".to_owned(), 0.9)]);
        let point = HistoryPoint {
            step: 0,
            time_ms: 1,
            metrics,
        };
        run.append_history(&point).unwrap();
        run.record("mlflow", Pushed::now("1".to_owned(), "http://x".to_owned()))
            .unwrap();
        run.finish(Status::Finished).unwrap();
        fs::rename(run.path(), runs.join(name)).unwrap();
    }
    runs
}

fn trial() -> Trial {
    Trial {
        number: 0,
        model: "ridge".to_owned(),
        state: TrialState::Complete,
        params: BTreeMap::new(),
        value: Some(0.5),
        folds: vec![0.25, f64::NAN],
        started_ms: 1,
        finished_ms: 2,
    }
}

fn seeds() -> Vec<Vec<u8>> {
    RUNS.with(|runs| {
        let folder = runs.get_or_init(two_runs).join("kept");
        let with_choice = |(choice, name): (usize, &&str)| {
            let content = fs::read(folder.join(name)).unwrap();
            [&[choice as u8][..], &content].concat()
        };
        FILES.iter().enumerate().map(with_choice).collect()
    })
}
