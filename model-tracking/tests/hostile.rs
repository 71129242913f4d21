//! Run folders from somebody else, and trackers that never end: nothing is read or written
//! outside of the folder, and no more is kept than what is needed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use common::service::serve;
use model_client::{Credentials, ServiceError};
use model_tracking::folder::{RunError, RunFolder};
use model_tracking::mlflow::{self, Mlflow};
use model_tracking::tracker::{TrackError, Tracker};
use model_tracking::wandb::WandbOffline;
use serde_json::{Value, json};

const SECRET: &str = "the user's own text";

/// A run, and a file of the user beside the folder of the runs.
struct Place {
    folder: tempfile::TempDir,
    run: RunFolder,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), SECRET).unwrap();
        let run = common::sample_run(&folder.path().join("runs"));
        Self { folder, run }
    }

    fn secret(&self) -> std::path::PathBuf {
        self.folder.path().join("secret")
    }

    fn artifact(&self, name: &str) -> std::path::PathBuf {
        self.run.path().join("artifacts").join(name)
    }

    /// Rewrites `run.json`.
    fn change(&self, change: impl FnOnce(&mut Value)) -> Result<RunFolder, RunError> {
        let file = self.run.path().join("run.json");
        let mut run: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        change(&mut run);
        fs::write(&file, run.to_string()).unwrap();
        RunFolder::open(self.run.path())
    }

    /// No tracker gets the run: each says so in words with `expect`, and the user's file is
    /// neither sent nor changed.
    fn is_refused(&self, expect: &str) {
        let (address, sent) = mlflow_service(|_| None);
        let offline = WandbOffline {
            project: "loans".to_owned(),
            entity: None,
            alias: None,
        };
        let run = RunFolder::open(self.run.path()).unwrap();
        for tracker in [&mlflow(&address) as &dyn Tracker, &offline] {
            let error = tracker.push(&run).unwrap_err();
            assert!(matches!(error, TrackError::Run(_)), "{error}");
            let error = error.to_string();
            assert!(error.contains(expect), "{}: {error}", tracker.name());
        }
        let sent = sent.lock().unwrap();
        assert!(!sent.iter().any(|body| body.contains(SECRET)), "{sent:?}");
        assert_eq!(fs::read_to_string(self.secret()).unwrap(), SECRET);
    }
}

fn mlflow(address: &str) -> Mlflow {
    Mlflow::new(mlflow::Options {
        uri: address.to_owned(),
        credentials: Credentials::None,
        experiment: None,
        user: "tester".to_owned(),
        alias: None,
        retry: common::impatient(),
    })
}

type Sent = Arc<Mutex<Vec<String>>>;

/// A server that takes everything and keeps the bodies; `children` answers searches for nested
/// runs.
fn mlflow_service(
    children: impl Fn(usize) -> Option<Value> + Clone + Send + Sync + 'static,
) -> (String, Sent) {
    mlflow_service_that(children, |_, _| StatusCode::OK)
}

/// The same with another status, which is decided when a request has arrived.
fn mlflow_service_that(
    children: impl Fn(usize) -> Option<Value> + Clone + Send + Sync + 'static,
    status: impl Fn(&Method, &Uri) -> StatusCode + Clone + Send + Sync + 'static,
) -> (String, Sent) {
    let sent = Sent::default();
    let kept = Arc::clone(&sent);
    let address = serve(move |_| {
        let answer = move |method: Method, uri: Uri, body: Bytes| {
            let status = status(&method, &uri);
            let body = String::from_utf8_lossy(&body).into_owned();
            let is_search = body.contains("parentRunId") && uri.path().ends_with("runs/search");
            let mut kept = kept.lock().unwrap();
            kept.push(body);
            let page = kept.iter().filter(|body| body.contains("parentRunId"));
            let page = page.filter(|body| body.contains("filter")).count();
            let run = json!({"info": {"run_id": "r", "artifact_uri": "mlflow-artifacts:/1/r"}});
            let answer = match uri.path().rsplit('/').next().unwrap_or_default() {
                "get-by-name" => json!({"experiment": {"experiment_id": "1"}}),
                "search" if is_search => children(page).unwrap_or_else(|| json!({})),
                "create" if uri.path().contains("runs") => json!({"run": run}),
                "create" => json!({"model_version": {"version": "1"}}),
                "logged-models" => {
                    json!({"model": {"info": {"model_id": "m", "artifact_uri": "mlflow-artifacts:/1/m"}}})
                }
                _ => json!({}),
            };
            async move { (status, answer.to_string()) }
        };
        let limit = DefaultBodyLimit::max(64 << 20);
        Router::new().fallback(answer).layer(limit)
    });
    (address, sent)
}

#[test]
fn a_run_that_is_as_it_should_be_is_sent() {
    let place = Place::new();
    let (address, sent) = mlflow_service(|_| None);
    mlflow(&address).push(&place.run).unwrap();
    let sent = sent.lock().unwrap();
    assert!(sent.iter().any(|body| body.contains("<title>Evaluation")));
}

#[test]
fn names_that_lead_out_of_the_folder_are_refused() {
    for name in [
        "../../../secret",
        "../run.json",
        "/etc/hostname",
        "a/../../b",
        "a\\b",
        "a//b",
        "./a",
        "a/",
        "",
        "a\u{1b}[2J",
    ] {
        let artifact = json!({"path": name, "bytes": 1, "sha256": "0".repeat(64)});
        let artifacts = |run: &mut Value| run["artifacts"].as_array_mut().unwrap().push(artifact);
        let model = |run: &mut Value| run["model"]["file"] = json!(name);
        for opened in [Place::new().change(artifacts), Place::new().change(model)] {
            let error = opened.unwrap_err().to_string();
            assert!(error.contains("run.json, line 1: artifact"), "{error}");
            assert!(error.contains("without '..'"), "{error}");
            assert!(!error.contains('\u{1b}'), "{error:?}");
        }
    }
}

#[test]
fn an_id_is_one_that_runs_have() {
    for id in [
        "x/../../../../home/ssh",
        "..",
        "",
        "20261122-101500-3f9a1c2",
        "20261122-101500-3f9a1c2/",
        "20261122-101500-3F9A1C2B",
        "20261122-10150x-3f9a1c2b",
        "20261122-101500-3f9a1c2b-1",
        "' or 1=1",
    ] {
        let error = Place::new().change(|run| run["id"] = json!(id));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("expected YYYYMMDD-HHMMSS-"), "{id}: {error}");
    }
    let id = "20261122-101500-3f9a1c2b";
    let run = Place::new().change(|run| run["id"] = json!(id)).unwrap();
    assert_eq!(run.run().id, id);
}

#[test]
fn a_damaged_run_hides_no_other() {
    let place = Place::new();
    let runs = place.folder.path().join("runs");
    let kept = common::sample_run(&runs);
    place.change(|run| run["id"] = json!("../x")).unwrap_err();
    let (found, damaged) = RunFolder::list_all(&runs).unwrap();
    assert_eq!(found[0].run().id, kept.run().id);
    assert_eq!((found.len(), damaged.len()), (1, 1));
}

/// Puts a link to the user's file, or to the folder that it is in, in the place of something.
fn replace(place: &Place, path: &Path, name: &str) {
    let target = place.folder.path().join(name);
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
    symlink(fs::canonicalize(target).unwrap(), path).unwrap();
}

#[test]
fn links_are_not_followed() {
    let place = Place::new();
    let report = place.artifact("reports/evaluation.html");
    replace(&place, &report, "secret");
    place.is_refused("no link");

    let place = Place::new();
    replace(&place, &place.artifact("model.wasm"), "secret");
    place.is_refused("no link");

    // The folder of the file, and that of all files.
    for folder in ["reports", "."] {
        let place = Place::new();
        let copy = place.folder.path().join("copy");
        let report = copy.join("evaluation.html");
        fs::create_dir(&copy).unwrap();
        fs::write(&report, "x").unwrap();
        replace(
            &place,
            &place.artifact(folder).canonicalize().unwrap(),
            "copy",
        );
        place.is_refused("no link");
    }

    // The files of the folder itself.
    let read = |name: &str| {
        let place = Place::new();
        replace(&place, &place.run.path().join(name), "secret");
        let run = RunFolder::open(place.run.path());
        let read = run.and_then(|run| {
            run.trials()?;
            run.history()?;
            run.tracked().map(drop)
        });
        let error = read.unwrap_err();
        assert!(matches!(error, RunError::NotPlain(_)), "{name}: {error}");
    };
    for name in ["run.json", "trials.jsonl", "history.jsonl", "tracked.json"] {
        read(name);
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    let resume = |name: &str| {
        let place = Place::new();
        replace(&place, &place.run.path().join(name), "secret");
        let mut run = RunFolder::open(place.run.path()).unwrap();
        let point = model_tracking::run::HistoryPoint {
            step: 0,
            time_ms: 0,
            metrics: Default::default(),
        };
        let written = match name {
            "running.lock" => run.resume(),
            "search.jsonl" => run.file(name).map(drop),
            _ => run.append_history(&point),
        };
        let error = written.unwrap_err();
        assert!(matches!(error, RunError::NotPlain(_)), "{name}: {error}");
        assert_eq!(fs::read_to_string(place.secret()).unwrap(), SECRET);
    };
    for name in ["running.lock", "history.jsonl", "search.jsonl"] {
        resume(name);
    }

    // What is written for `wandb sync` stays in the folder too.
    let offline = |make: &dyn Fn(&Place, &Path)| {
        let place = Place::new();
        let tracker = WandbOffline {
            project: "loans".to_owned(),
            entity: None,
            alias: None,
        };
        let folder = tracker.push(&place.run).unwrap().url;
        make(&place, Path::new(&folder));
        let error = tracker.push(&place.run).unwrap_err().to_string();
        assert!(error.contains("no link"), "{error}");
        assert_eq!(fs::read_to_string(place.secret()).unwrap(), SECRET);
        let names = fs::read_dir(place.folder.path()).unwrap();
        assert_eq!(names.count(), 2);
    };
    offline(&|place, folder| {
        replace(
            place,
            &folder.join("files/reports/evaluation.html"),
            "secret",
        )
    });
    offline(&|place, folder| replace(place, &folder.join("files"), "."));
    offline(&|place, folder| replace(place, folder, "."));
    offline(&|place, _| replace(place, &place.run.path().join("wandb"), "."));
}

#[test]
fn what_was_altered_is_not_sent() {
    let place = Place::new();
    fs::write(place.artifact("reports/evaluation.html"), SECRET).unwrap();
    place.is_refused("was altered: its SHA-256 is ");
    // A model that is not listed among the artifacts has its own digest.
    let place = Place::new();
    let run = place.change(|run| {
        run["artifacts"].as_array_mut().unwrap().remove(0);
    });
    let checked = |run: &RunFolder| run.checked_artifact("model.wasm");
    let run = run.unwrap();
    assert!(checked(&run).is_ok());
    fs::write(place.artifact("model.wasm"), SECRET).unwrap();
    assert!(matches!(checked(&run), Err(RunError::Altered { .. })));
}

#[test]
fn what_is_altered_while_it_is_sent_does_not_arrive() {
    let place = Place::new();
    let report = place.artifact("reports/evaluation.html");
    let (address, sent) = mlflow_service_that(
        |_| None,
        move |method, uri| {
            if *method == Method::PUT && uri.path().ends_with("evaluation.html") {
                // It asks for it once more.
                fs::write(&report, SECRET).unwrap();
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            StatusCode::OK
        },
    );
    let error = mlflow(&address).push(&place.run).unwrap_err();
    assert!(
        matches!(error, TrackError::Service(ServiceError::Changed { .. })),
        "{error}"
    );
    let sent = sent.lock().unwrap();
    assert!(sent.iter().any(|body| body.contains("<title>Evaluation")));
    assert!(!sent.iter().any(|body| body.contains(SECRET)), "{sent:?}");
}

#[test]
fn pages_without_an_end_are_given_up() {
    let place = Place::new();
    let check = |page: fn(usize) -> Value, most: usize| {
        let (address, sent) = mlflow_service(move |number| Some(page(number)));
        let error = mlflow(&address).push(&place.run).unwrap_err();
        assert!(
            matches!(error, TrackError::Service(ServiceError::Unexpected { .. })),
            "{error}"
        );
        assert!(error.to_string().contains("have no end"), "{error}");
        let sent = sent.lock().unwrap();
        let pages = sent.iter().filter(|body| body.contains("filter"));
        assert!(pages.count() <= most + 1, "{most}");
    };
    // Each has other numbers, and a token of its own.
    check(
        |number| json!({"runs": [nested(&format!("{number}000"))], "next_page_token": format!("{number}")}),
        11,
    );
    check(|_| json!({"next_page_token": "again"}), 2);

    // What is looked for ends the search, whatever else the service has.
    let (address, sent) = mlflow_service(|_| {
        let runs = ["0", "1", "2", "x"].map(nested);
        Some(json!({"runs": runs, "next_page_token": "more"}))
    });
    mlflow(&address).push(&place.run).unwrap();
    let sent = sent.lock().unwrap();
    let searches = sent.iter().filter(|body| body.contains("filter"));
    assert_eq!(searches.count(), 2);
    assert!(!sent.iter().any(|body| body.contains("trial-000")));
}

fn nested(number: &str) -> Value {
    json!({
        "info": {"run_id": "n", "artifact_uri": "a", "status": "FINISHED"},
        "data": {"tags": [{"key": "underwrite.trial", "value": number}]},
    })
}
