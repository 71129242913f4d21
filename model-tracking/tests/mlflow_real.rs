//! The real MLflow server takes a run, and its official client reads everything back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use model_client::Credentials;
use model_tracking::folder::RunFolder;
use model_tracking::mlflow::{Mlflow, Options};
use model_tracking::tracker::{Tracker, push_all};

const PYTHON: &str = "UNDERWRITE_MLFLOW_BIN";

/// Starts a server whose artifacts go through its proxy, or straight to `root`.
fn server(folder: &Path, root: &str) -> (common::Server, String) {
    let port = common::free_port();
    let log = File::create(folder.join("server.log")).unwrap();
    let mut command = Command::new(common::python_program(PYTHON, "mlflow"));
    command
        .current_dir(folder)
        .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
        .args(["server", "--host", "127.0.0.1", "--workers", "1"])
        .args(["--port", &port.to_string()])
        .args([
            "--backend-store-uri",
            "sqlite:///mlflow.db",
            "--serve-artifacts",
        ])
        .args(["--artifacts-destination", "./destination"])
        .args(["--default-artifact-root", root])
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    let mut server = common::Server::start(&mut command);
    let address = format!("http://127.0.0.1:{port}");
    while ureq::get(format!("{address}/health")).call().is_err() {
        let log = std::fs::read_to_string(folder.join("server.log")).unwrap();
        assert!(!server.has_ended(), "the server did not start: {log}");
        std::thread::sleep(Duration::from_millis(250));
    }
    (server, address)
}

fn mlflow(uri: &str) -> Vec<Box<dyn Tracker>> {
    vec![Box::new(Mlflow::new(Options {
        uri: uri.to_owned(),
        credentials: Credentials::None,
        experiment: None,
        user: "tester".to_owned(),
        alias: Some("champion".to_owned()),
        retry: common::impatient(),
    }))]
}

/// The server's id of the run, after a push that has nothing to tell.
fn push(uri: &str, run: &RunFolder) -> String {
    let mut outcomes = push_all(&mlflow(uri), run);
    let pushed = outcomes.remove(0).result.unwrap();
    assert_eq!(pushed.note, None);
    pushed.id
}

/// Pushes a run that has become another run of the server than `earlier`.
fn push_changed(uri: &str, run: &RunFolder, what: &str, earlier: &str) -> String {
    let mut outcomes = push_all(&mlflow(uri), run);
    let pushed = outcomes.remove(0).result.unwrap();
    let note = pushed.note.unwrap();
    let begin = format!("{what} changed since the run was last sent, so MLflow has a new run; ");
    assert!(note.starts_with(&begin), "{note}");
    assert!(note.contains(earlier), "{note}");
    assert_ne!(pushed.id, earlier);
    assert_eq!(run.tracked().unwrap()["mlflow"].id, pushed.id);
    pushed.id
}

/// Reads the run back, whose version is the newest of all and the champion.
fn read_back(uri: &str, run: &RunFolder, run_id: &str, mode: &str, version: u32) {
    let script = common::repository().join("tests/tracking/mlflow_readback.py");
    let mut python = Command::new(common::python_program(PYTHON, "python"));
    let said = common::run(
        python
            .arg(script)
            .args([uri, run_id, mode, &version.to_string()])
            .arg(run.path())
            .current_dir(run.path()),
    );
    assert!(said.contains("all read back"), "{said}");
}

#[test]
#[ignore = "needs the Python environment that `cargo xtask test` makes"]
fn everything_is_read_back_by_the_official_client() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, uri) = server(folder.path(), "mlflow-artifacts:/");
    let run = common::sample_run(&folder.path().join("runs"));
    let run_id = push(&uri, &run);
    read_back(&uri, &run, &run_id, "proxied", 1);

    // Sent again it is the same run, with the same trials and one version.
    assert_eq!(push(&uri, &run), run_id);
    read_back(&uri, &run, &run_id, "proxied", 1);
    assert_eq!(run.tracked().unwrap()["mlflow"].id, run_id);

    // The next run is the next version, and the champion.
    let next = common::sample_run(&folder.path().join("runs"));
    let next_id = push(&uri, &next);
    assert_ne!(next_id, run_id);
    read_back(&uri, &next, &next_id, "proxied", 2);

    // The older run sent again takes the alias not back.
    assert_eq!(push(&uri, &run), run_id);
    read_back(&uri, &next, &next_id, "proxied", 2);
}

#[test]
#[ignore = "needs the Python environment that `cargo xtask test` makes"]
fn a_resumed_run_has_a_version_for_each_model() {
    for (root, mode) in [("mlflow-artifacts:/", "proxied"), ("./root", "folder")] {
        let folder = tempfile::tempdir().unwrap();
        let (_server, uri) = server(folder.path(), root);
        let mut run = common::sample_run(&folder.path().join("runs"));
        let first = push(&uri, &run);
        read_back(&uri, &run, &first, mode, 1);

        // Another winner, after more trials.
        common::resume(&mut run, b"another model");
        let second = push_changed(&uri, &run, "the parameter trials", &first);
        read_back(&uri, &run, &second, mode, 2);

        // The same parameters in another file.
        common::replace_model(&mut run, b"another threshold");
        let third = push_changed(&uri, &run, "the model", &second);
        read_back(&uri, &run, &third, mode, 3);

        assert_eq!(push(&uri, &run), third);
        read_back(&uri, &run, &third, mode, 3);
    }
}

#[test]
#[ignore = "needs the Python environment that `cargo xtask test` makes"]
fn artifacts_reach_a_run_whose_root_is_a_folder_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, uri) = server(folder.path(), "./root");
    let run = common::sample_run(&folder.path().join("runs"));
    let run_id = push(&uri, &run);
    read_back(&uri, &run, &run_id, "folder", 1);
}
