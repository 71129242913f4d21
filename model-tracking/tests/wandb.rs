//! Runs reach a service that answers as Weights & Biases does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use common::wandb_service::{KEY, KeptRun, Service};
use model_client::{Secret, ServiceError};
use model_tracking::folder::RunFolder;
use model_tracking::run::Status;
use model_tracking::tracker::{TrackError, Tracker};
use model_tracking::wandb::{Options, Wandb, WandbOffline};
use serde_json::{Value, json};

fn online(service: &Service, key: &str) -> Wandb {
    Wandb::new(Options {
        base_url: service.address.clone(),
        api_key: Secret::new(key),
        entity: None,
        project: "loans".to_owned(),
        alias: Some("champion".to_owned()),
        retry: common::impatient(),
    })
}

fn offline() -> WandbOffline {
    WandbOffline {
        project: "loans".to_owned(),
        entity: None,
        alias: Some("champion".to_owned()),
    }
}

/// What the service must have of the sample run, whichever way it came.
fn check(service: &Service, run: &RunFolder) -> KeptRun {
    let kept = service.kept();
    let remote = &kept.runs[&run.run().id];
    assert_eq!(remote.project, "loans");
    assert_eq!(remote.display_name, "first try");
    assert_eq!(remote.tags, json!(["team: risk"]));
    assert_eq!(remote.config["learning_rate"]["value"], 0.05);
    assert_eq!(remote.config["calibrated"]["value"], true);
    assert_eq!(remote.config["dataset"]["value"]["rows"], 45_000);
    assert_eq!(remote.summary["roc_auc"], 0.98031);
    assert_eq!(remote.summary["lift"], "NaN");
    assert_eq!(remote.summary["best_roc_auc"], 0.92);
    let steps: Vec<_> = remote
        .history
        .iter()
        .map(|row| row["_step"].as_i64())
        .collect();
    assert_eq!(steps, (0..6).map(Some).collect::<Vec<_>>());
    // As they were recorded: each trial, then its step.
    assert_eq!(remote.history[2]["trial/value"], 0.971);
    assert_eq!(remote.history[2]["trial/pruned"], true);
    assert_eq!(remote.history[3]["best_roc_auc"], 0.91);
    assert!(remote.complete);
    assert_eq!(remote.exit_code, 0);
    for name in ["reports/evaluation.html", "reports/plots/roc.svg"] {
        let expected = std::fs::read(run.artifact_path(name)).unwrap();
        assert_eq!(remote.files[name], expected, "{name}");
    }
    assert!(!remote.files.contains_key("model.wasm"));
    assert_eq!(kept.artifacts.len(), 1);
    let (id, artifact) = kept.artifacts.iter().next().unwrap();
    assert!(artifact.committed);
    assert_eq!(artifact.files["model.wasm"], common::model_bytes());
    assert_eq!(artifact.input["artifactCollectionName"], "loan");
    assert_eq!(artifact.input["artifactTypeName"], "model");
    let aliases = ["champion", "latest"];
    let aliases = aliases.map(|alias| (("loan".to_owned(), alias.to_owned()), id.clone()));
    assert_eq!(kept.aliases, BTreeMap::from(aliases));
    remote.clone()
}

#[test]
fn a_run_arrives_online_and_is_not_doubled() {
    let service = Service::start();
    let runs = tempfile::tempdir().unwrap();
    let run = common::sample_run(runs.path());
    let pushed = online(&service, KEY).push(&run).unwrap();
    assert_eq!(pushed.id, run.run().id);
    assert_eq!(
        pushed.url,
        format!("{}/acme/loans/runs/{}", service.address, pushed.id)
    );
    check(&service, &run);

    online(&service, KEY).push(&run).unwrap();
    let again = check(&service, &run);
    assert_eq!(again.history.len(), 6);
}

/// The numbers of the trials and the steps of the run itself, line by line.
fn lines(service: &Service, run: &RunFolder) -> Vec<String> {
    let kept = service.kept();
    let history = &kept.runs[&run.run().id].history;
    let steps = history.iter().map(|row| row["_step"].as_u64().unwrap());
    assert!(steps.collect::<Vec<_>>().is_sorted_by(|a, b| a < b));
    let name = |row: &Value| match row.get("trial/number") {
        Some(number) => format!("trial {number}"),
        None => format!("best {}", row["best_roc_auc"]),
    };
    history.iter().map(name).collect()
}

#[test]
fn a_resumed_run_appends_what_is_new() {
    let service = Service::start();
    let runs = tempfile::tempdir().unwrap();
    let mut run = common::sample_run(runs.path());
    online(&service, KEY).push(&run).unwrap();
    let first = lines(&service, &run);
    assert_eq!(first.len(), 6);
    common::resume(&mut run, b"another model");
    online(&service, KEY).push(&run).unwrap();
    let new = ["trial 3", "best 0.93", "trial 4", "best 0.94"].map(str::to_owned);
    assert_eq!(lines(&service, &run), [&first[..], &new].concat());

    // What an earlier version sent has the trials last; what is new comes after it all the same.
    let older = |row: &Value| row.get("trial/number").is_some();
    {
        let mut kept = service.kept();
        let history = &mut kept.runs.get_mut(&run.run().id).unwrap().history;
        history.truncate(6);
        history.sort_by_key(older);
        for (step, row) in history.iter_mut().enumerate() {
            row["_step"] = json!(step);
        }
    }
    online(&service, KEY).push(&run).unwrap();
    let mut sent = lines(&service, &run);
    assert_eq!(sent[6..], new);
    sent.truncate(6);
    sent.sort();
    let mut expected = first;
    expected.sort();
    assert_eq!(sent, expected);
}

#[test]
fn a_clock_that_was_set_back_changes_no_order() {
    let service = Service::start();
    let runs = tempfile::tempdir().unwrap();
    let path = common::sample_run(runs.path()).path().to_owned();
    let mut run = RunFolder::open(&path).unwrap();
    online(&service, KEY).push(&run).unwrap();
    let first = lines(&service, &run);
    run.resume().unwrap();
    let hour_ago = run.run().started_ms - 3_600_000;
    for number in 3..5 {
        common::append_at(&mut run, number, hour_ago + number as i64);
    }
    run.finish(Status::Finished).unwrap();
    online(&service, KEY).push(&run).unwrap();
    let new = ["trial 3", "best 0.93", "trial 4", "best 0.94"].map(str::to_owned);
    assert_eq!(lines(&service, &run), [&first[..], &new].concat());
}

#[test]
fn an_older_run_does_not_take_the_alias_back() {
    let service = Service::start();
    let runs = tempfile::tempdir().unwrap();
    let older = common::sample_run(runs.path());
    online(&service, KEY).push(&older).unwrap();
    let mut newer = common::sample_run(runs.path());
    common::resume(&mut newer, b"another model");
    online(&service, KEY).push(&newer).unwrap();
    let newest = service.kept().aliases.clone();
    assert_eq!(service.kept().artifacts.len(), 2);
    let champion = || {
        let kept = service.kept();
        let id = &kept.aliases[&("loan".to_owned(), "champion".to_owned())];
        kept.artifacts[id].files["model.wasm"].clone()
    };
    online(&service, KEY).push(&older).unwrap();
    assert_eq!(service.kept().aliases, newest);
    assert_eq!(champion(), b"another model");

    // A new run that gave the older file again is the newest.
    let again = common::sample_run(runs.path());
    online(&service, KEY).push(&again).unwrap();
    assert_eq!(champion(), common::model_bytes());
}

#[test]
fn another_key_is_refused_and_not_shown() {
    let service = Service::start();
    let runs = tempfile::tempdir().unwrap();
    let run = common::sample_run(runs.path());
    let error = online(&service, "secretsecret").push(&run).unwrap_err();
    assert!(
        matches!(
            error,
            TrackError::Service(ServiceError::Denied { status: 401, .. })
        ),
        "{error}"
    );
    let error = error.to_string();
    assert!(
        error.contains("WANDB_API_KEY") && !error.contains("secretsecret"),
        "{error}"
    );
}

#[test]
fn an_offline_folder_is_written_again_in_its_place() {
    let runs = tempfile::tempdir().unwrap();
    let run = common::sample_run(runs.path());
    let first = offline().push(&run).unwrap();
    let second = offline().push(&run).unwrap();
    assert_eq!(first.url, second.url);
    let file = Path::new(&first.url).join(format!("run-{}.wandb", run.run().id));
    assert!(
        std::fs::read(file)
            .unwrap()
            .starts_with(b":W&B\xe1\xbe\x00")
    );
    assert_eq!(
        std::fs::read_dir(run.path().join("wandb")).unwrap().count(),
        1
    );
}

#[test]
#[ignore = "needs the Python environment that `cargo xtask test` makes"]
fn the_official_client_syncs_an_offline_folder() {
    let service = Service::start();
    let runs = tempfile::tempdir().unwrap();
    let run = common::sample_run(runs.path());
    let pushed = offline().push(&run).unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut sync = Command::new(common::python_program("UNDERWRITE_WANDB_BIN", "wandb"));
    let said = common::run(
        sync.args(["sync", &pushed.url])
            .current_dir(home.path())
            .env("HOME", home.path())
            .env("WANDB_BASE_URL", &service.address)
            .env("WANDB_API_KEY", KEY)
            .env("WANDB_ERROR_REPORTING", "false"),
    );
    let remote = check(&service, &run);
    assert!(remote.files.contains_key("config.yaml"), "{said}");
}
