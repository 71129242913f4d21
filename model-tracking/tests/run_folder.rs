//! Run folders survive what happens to files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;

use model_tracking::folder::{NewRun, RunError, RunFolder};
use model_tracking::run::{HistoryPoint, Status, Trial, TrialState};
use serde_json::json;

fn new_run() -> NewRun {
    NewRun {
        experiment: "loans".to_owned(),
        params: BTreeMap::from([("trials".to_owned(), json!(30))]),
        ..NewRun::default()
    }
}

fn trial(number: u64, value: Option<f64>) -> Trial {
    Trial {
        number,
        model: "random_forest".to_owned(),
        state: TrialState::Complete,
        params: BTreeMap::from([("depth".to_owned(), json!(7))]),
        value,
        folds: vec![0.1 + 0.2, f64::NAN, f64::NEG_INFINITY],
        started_ms: 1,
        finished_ms: 2,
    }
}

/// Whoever may see a run sees the command line, in its folder and at each tracker.
#[test]
fn a_run_does_not_tell_the_password_in_an_address() {
    let given = [
        "underwrite",
        "train",
        "mail to a@b.example",
        "--mlflow-tracking-uri",
        "http://ann:secret@host.example:5000/x?token=secret",
        "--wandb-base-url=https://secret@w.example",
        "--mlflow-tracking-uri",
        "ann:secret@host.example",
        "--seed=1",
        "[http://ann:secret@host.example]",
    ];
    let shown = [
        "underwrite",
        "train",
        "mail to a@b.example",
        "--mlflow-tracking-uri",
        "http://…@host.example:5000/x?…",
        "--wandb-base-url=https://…@w.example",
        "--mlflow-tracking-uri",
        "…@host.example",
        "--seed=1",
        "[http://…@host.example]",
    ];
    let runs = tempfile::tempdir().unwrap();
    let new = NewRun {
        command: given.map(str::to_owned).to_vec(),
        ..new_run()
    };
    let folder = RunFolder::create(runs.path(), new).unwrap();
    assert_eq!(folder.run().command, shown);
    let file = folder.path().join("run.json");
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("secret"), "{text}");
    // Nor does one that is changed.
    let mut folder = folder;
    folder
        .update(|run| run.command = given[1..].iter().map(|&word| word.to_owned()).collect())
        .unwrap();
    assert_eq!(folder.run().command, shown[1..]);
    assert!(!fs::read_to_string(&file).unwrap().contains("secret"));
    // A run that was begun before knew no better.
    let path = folder.path().to_owned();
    drop(folder);
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["command"] = json!(given);
    fs::write(&file, json.to_string()).unwrap();
    assert_eq!(RunFolder::open(&path).unwrap().run().command, shown);
}

#[test]
fn what_is_written_is_read_back() {
    let runs = tempfile::tempdir().unwrap();
    let mut folder = RunFolder::create(runs.path(), new_run()).unwrap();
    folder.append_trial(&trial(0, Some(0.9803))).unwrap();
    folder.append_trial(&trial(1, None)).unwrap();
    let metrics = BTreeMap::from([("auc".to_owned(), 0.1 + 0.2)]);
    let point = HistoryPoint {
        step: 0,
        time_ms: 5,
        metrics,
    };
    folder.append_history(&point).unwrap();
    folder
        .add_artifact("reports/a.html", &b"<p>hello"[..])
        .unwrap();
    folder
        .update(|run| {
            run.metrics.insert("log_loss".to_owned(), f64::INFINITY);
        })
        .unwrap();
    folder.finish(Status::Finished).unwrap();

    let again = RunFolder::open(folder.path()).unwrap();
    assert_eq!(again.run(), folder.run());
    assert_eq!(again.run().metrics["log_loss"], f64::INFINITY);
    assert_eq!(again.history().unwrap(), [point]);
    let trials = again.trials().unwrap();
    assert_eq!(trials.len(), 2);
    assert_eq!(trials[0].value, Some(0.9803));
    assert_eq!(trials[0].folds[0], 0.1 + 0.2);
    assert!(trials[0].folds[1].is_nan());
    assert_eq!(trials[1].value, None);
    let artifact = &again.run().artifacts[0];
    assert_eq!(
        (artifact.path.as_str(), artifact.bytes),
        ("reports/a.html", 8)
    );
    let sha256 = model_files::sha256_file(&again.artifact_path("reports/a.html")).unwrap();
    assert_eq!(artifact.sha256, sha256);
}

#[test]
fn half_a_line_is_passed_over_and_cut_off() {
    let runs = tempfile::tempdir().unwrap();
    let mut folder = RunFolder::create(runs.path(), new_run()).unwrap();
    folder.append_trial(&trial(0, Some(0.5))).unwrap();
    let path = folder.path().join("trials.jsonl");
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"number\": 1, \"mod").unwrap();

    assert_eq!(folder.trials().unwrap().len(), 1);
    folder.append_trial(&trial(1, Some(0.6))).unwrap();
    let numbers: Vec<u64> = folder.trials().unwrap().iter().map(|t| t.number).collect();
    assert_eq!(numbers, [0, 1]);
}

#[test]
fn ids_differ_and_runs_are_listed_by_age() {
    let runs = tempfile::tempdir().unwrap();
    let made: Vec<RunFolder> = (0..20)
        .map(|_| RunFolder::create(runs.path(), new_run()).unwrap())
        .collect();
    let listed = RunFolder::list(runs.path()).unwrap();
    assert_eq!(listed.len(), 20);
    assert!(listed.is_sorted_by_key(|folder| folder.run().started_ms));

    let id = &made[7].run().id;
    let found = RunFolder::find(runs.path(), id).unwrap();
    assert_eq!(&found.run().id, id);
    let path = found.path().to_str().unwrap();
    assert_eq!(&RunFolder::find(runs.path(), path).unwrap().run().id, id);
    assert_eq!(
        RunFolder::find(runs.path(), "latest").unwrap().run().id,
        listed[19].run().id
    );
    let error = RunFolder::find(runs.path(), "nothing").unwrap_err();
    assert!(matches!(error, RunError::NotFound { .. }), "{error}");
    assert!(RunFolder::list(&runs.path().join("no")).unwrap().is_empty());
}

#[test]
fn an_artifact_stays_inside_the_folder() {
    let runs = tempfile::tempdir().unwrap();
    let mut folder = RunFolder::create(runs.path(), new_run()).unwrap();
    for name in ["", "../run.json", "/etc/passwd", "a/../../b", "a\\b"] {
        let error = folder.add_artifact(name, &b"x"[..]).unwrap_err();
        assert!(
            matches!(error, RunError::ArtifactName(_)),
            "{name}: {error}"
        );
    }
    assert!(folder.run().artifacts.is_empty());
}

#[test]
fn what_is_not_kept_is_removed() {
    let runs = tempfile::tempdir().unwrap();
    let mut folder = RunFolder::create(runs.path(), new_run()).unwrap();
    for name in [
        "README.md",
        "model.wasm",
        "reports/a.html",
        "reports/b.html",
    ] {
        folder.add_artifact(name, &b"x"[..]).unwrap();
    }
    // One that is gone already is no error.
    fs::remove_file(folder.artifact_path("README.md")).unwrap();
    let kept = ["model.wasm", "reports/b.html"];
    folder
        .retain_artifacts(|name| kept.contains(&name))
        .unwrap();
    let again = RunFolder::open(folder.path()).unwrap();
    let listed = again.run().artifacts.iter().map(|file| file.path.as_str());
    assert_eq!(listed.collect::<Vec<_>>(), kept);
    let is_there = |name: &str| folder.artifact_path(name).exists();
    assert!(kept.into_iter().all(is_there));
    assert!(!is_there("reports/a.html"));
}

#[test]
fn a_damaged_file_is_named_with_its_line() {
    let runs = tempfile::tempdir().unwrap();
    let mut folder = RunFolder::create(runs.path(), new_run()).unwrap();
    folder.append_trial(&trial(0, Some(0.5))).unwrap();
    let path = folder.path().join("trials.jsonl");
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"not json\n").unwrap();
    let error = folder.trials().unwrap_err().to_string();
    assert!(error.contains("trials.jsonl, line 2"), "{error}");

    let run = folder.path().join("run.json");
    let text = fs::read_to_string(&run).unwrap();
    fs::write(&run, text.replace("\"format\": 1", "\"format\": 9")).unwrap();
    let error = RunFolder::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("format 9, expected 1"), "{error}");
}

#[test]
fn a_run_is_running_while_its_process_is() {
    let runs = tempfile::tempdir().unwrap();
    let status = |path: &std::path::Path| RunFolder::open(path).unwrap().run().status;
    let folder = RunFolder::create(runs.path(), new_run()).unwrap();
    let path = folder.path().to_owned();
    assert_eq!(status(&path), Status::Running);
    let error = RunFolder::open(&path).unwrap().resume().unwrap_err();
    assert!(matches!(error, RunError::Running(_)), "{error}");

    // As when the process is killed: the lock goes, `run.json` stays as it is.
    drop(folder);
    assert_eq!(status(&path), Status::Interrupted);
    let text = fs::read_to_string(path.join("run.json")).unwrap();
    assert!(text.contains("\"running\""), "{text}");

    let mut folder = RunFolder::open(&path).unwrap();
    folder.resume().unwrap();
    assert_eq!(status(&path), Status::Running);
    folder.finish(Status::Finished).unwrap();
    assert_eq!(status(&path), Status::Finished);
    assert!(!path.join("running.lock").exists());
}
