//! A tracker that fails costs one sentence: the run stays, and goes there later.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use common::service::{always, nobody, serve, silent};
use common::wandb_service::{KEY, Service};
use model_client::{Credentials, RetryPolicy, Secret, ServiceError};
use model_tracking::mlflow::{self, Mlflow};
use model_tracking::tracker::{TrackError, Tracker, push_all};
use model_tracking::wandb::{self, Wandb};
use serde_json::{Value, json};

fn mlflow(uri: &str, retry: RetryPolicy) -> Box<dyn Tracker> {
    Box::new(Mlflow::new(mlflow::Options {
        uri: uri.to_owned(),
        credentials: Credentials::Bearer(Secret::new("mlflow-secret")),
        experiment: None,
        user: "tester".to_owned(),
        alias: None,
        retry,
    }))
}

fn wandb(address: &str, retry: RetryPolicy) -> Box<dyn Tracker> {
    Box::new(Wandb::new(wandb::Options {
        base_url: address.to_owned(),
        api_key: Secret::new(KEY),
        entity: None,
        project: "loans".to_owned(),
        alias: None,
        retry,
    }))
}

/// Both trackers against one address: the sentence has these words, and no secret.
fn check(address: &str, retry: RetryPolicy, expect: &[&str]) {
    let runs = tempfile::tempdir().unwrap();
    let run = common::sample_run(runs.path());
    let written = || std::fs::read(run.path().join("run.json")).unwrap();
    let before = written();
    let trackers = [mlflow(address, retry), wandb(address, retry)];
    for outcome in push_all(&trackers, &run) {
        let error = outcome.result.unwrap_err().to_string();
        for word in expect {
            assert!(error.contains(word), "{}: {error}", outcome.tracker);
        }
        assert!(
            !error.contains("mlflow-secret") && !error.contains(KEY),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert!(run.tracked().unwrap().is_empty());
    assert_eq!(written(), before);
}

#[test]
fn every_kind_of_failure_is_a_sentence() {
    let retry = common::impatient();
    check(&nobody(), retry, &["does not answer"]);
    check("http://no-such-host.invalid", retry, &["does not answer"]);
    check(
        &always(401, ""),
        retry,
        &["refuses the credentials (401)", "set "],
    );
    check(
        &always(403, "{}"),
        retry,
        &["refuses the credentials (403)"],
    );
    check(
        &always(404, "no\nsuch\npage"),
        retry,
        &["answered 404", "no such page"],
    );
    check(
        &always(500, "<h1>oops</h1>"),
        retry,
        &["answered 500", "oops"],
    );
    check(
        &always(200, "<html>log in"),
        retry,
        &["unexpected answer", "log in"],
    );
    check(&always(200, ""), retry, &["unexpected answer"]);
    check(&always(200, "{\"a\": 1}"), retry, &["unexpected answer"]);
}

#[test]
fn a_silent_service_is_not_waited_for_long() {
    let retry = RetryPolicy {
        idle: Duration::from_millis(200),
        attempts: 2,
        ..common::impatient()
    };
    check(&silent(), retry, &["does not answer", "timeout"]);
    let retry = RetryPolicy {
        idle: Duration::from_secs(3600),
        total: Duration::from_millis(300),
        ..common::impatient()
    };
    check(&silent(), retry, &["does not answer"]);
}

#[test]
fn what_is_refused_for_now_is_tried_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let address = serve(move |_| {
        Router::new().fallback(move || {
            let number = counter.fetch_add(1, Ordering::Relaxed);
            // Busy, broken, and then a refusal that stays.
            let status = [429, 503, 400][number.min(2)];
            async move { StatusCode::from_u16(status).unwrap() }
        })
    });
    let runs = tempfile::tempdir().unwrap();
    let run = common::sample_run(runs.path());
    let error = mlflow(&address, common::impatient())
        .push(&run)
        .unwrap_err();
    assert!(
        matches!(
            error,
            TrackError::Service(ServiceError::Refused { status: 400, .. })
        ),
        "{error}"
    );
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[test]
fn one_tracker_down_does_not_keep_the_run_from_another() {
    let service = Service::start();
    let runs = tempfile::tempdir().unwrap();
    let run = common::sample_run(runs.path());
    let retry = common::impatient();
    let down = mlflow(&nobody(), retry);
    let outcomes = push_all(&[down, wandb(&service.address, retry)], &run);
    assert!(outcomes[0].result.is_err());
    assert!(outcomes[1].result.is_ok());
    let tracked = run.tracked().unwrap();
    assert_eq!(tracked.keys().collect::<Vec<_>>(), ["wandb"]);
}

/// A server of MLflow that keeps the runs that are no trials, with tags and parameters. They are
/// found in the order of their ids, or in the other one.
#[derive(Default)]
struct KeepsRuns {
    runs: Mutex<Vec<Value>>,
    finds_newest_first: bool,
    refuses_new_runs: AtomicBool,
}

impl KeepsRuns {
    fn serve(self: &Arc<Self>) -> String {
        let server = Arc::clone(self);
        serve(move |_| {
            let answer = move |uri: Uri, body: Bytes| {
                let body = serde_json::from_slice(&body).unwrap_or_default();
                let answer = server.answer(uri.path(), &body);
                async move {
                    match answer {
                        Some(json) => (StatusCode::OK, json.to_string()),
                        None => (StatusCode::BAD_REQUEST, "no room".to_owned()),
                    }
                }
            };
            let limit = DefaultBodyLimit::max(64 << 20);
            Router::new().fallback(answer).layer(limit)
        })
    }

    fn answer(&self, path: &str, body: &Value) -> Option<Value> {
        let mut runs = self.runs.lock().unwrap();
        let add = |runs: &mut Vec<Value>, list: &str, new: &Value| {
            let run = runs
                .iter_mut()
                .find(|run| run["info"]["run_id"] == body["run_id"]);
            if let Some(run) = run {
                let list = run["data"][list].as_array_mut().unwrap();
                list.extend(new.as_array().into_iter().flatten().cloned());
            }
        };
        let (rest, last) = path.rsplit_once('/').unwrap();
        Some(match last {
            "get-by-name" => json!({"experiment": {"experiment_id": "1"}}),
            "search" if body["filter"].as_str().unwrap().contains("parentRunId") => json!({}),
            "search" => {
                let mut found = runs.clone();
                if self.finds_newest_first {
                    found.reverse();
                }
                json!({"runs": found})
            }
            "create" if rest.ends_with("runs") => {
                let tags = &body["tags"];
                let is_run = tags.to_string().contains("underwrite.run_id");
                let id = match is_run {
                    true => format!("r{}", runs.len()),
                    false => "trial".to_owned(),
                };
                let info =
                    json!({"run_id": id, "artifact_uri": format!("mlflow-artifacts:/1/{id}")});
                let run = json!({"info": info, "data": {"tags": tags, "params": []}});
                if is_run {
                    if self.refuses_new_runs.load(Ordering::Relaxed) {
                        return None;
                    }
                    runs.push(run.clone());
                }
                json!({"run": run})
            }
            "create" => json!({"model_version": {"version": "1"}}),
            "set-tag" => {
                add(&mut runs, "tags", &json!([body]));
                json!({})
            }
            "log-batch" => {
                add(&mut runs, "params", &body["params"]);
                json!({})
            }
            _ if path.contains("logged-models") => {
                json!({"model": {"info": {"model_id": "m", "artifact_uri": "mlflow-artifacts:/1/m"}}})
            }
            _ => json!({}),
        })
    }

    /// What a run supersedes.
    fn superseded_by(&self, id: &str) -> Option<String> {
        let runs = self.runs.lock().unwrap();
        let run = runs.iter().find(|run| run["info"]["run_id"] == id).unwrap();
        let tags = run["data"]["tags"].as_array().unwrap();
        let tag = tags
            .iter()
            .find(|tag| tag["key"] == "underwrite.supersedes")?;
        Some(tag["value"].as_str().unwrap().to_owned())
    }
}

#[test]
fn a_new_run_that_was_refused_names_the_earlier_one_when_it_comes() {
    for finds_newest_first in [true, false] {
        let server = Arc::new(KeepsRuns {
            finds_newest_first,
            ..KeepsRuns::default()
        });
        let mlflow = mlflow(&server.serve(), common::impatient());
        let runs = tempfile::tempdir().unwrap();
        let mut run = common::sample_run(runs.path());
        let pushed = mlflow.push(&run).unwrap();
        assert_eq!((&*pushed.id, pushed.note), ("r0", None));
        for (trials, earlier, later) in [(5, "r0", "r1"), (6, "r1", "r2"), (7, "r2", "r3")] {
            run.update(|run| {
                run.params.insert("trials".to_owned(), json!(trials));
            })
            .unwrap();
            server.refuses_new_runs.store(true, Ordering::Relaxed);
            for _ in 0..2 {
                mlflow.push(&run).unwrap_err();
            }
            server.refuses_new_runs.store(false, Ordering::Relaxed);
            let pushed = mlflow.push(&run).unwrap();
            assert_eq!(pushed.id, later);
            assert_eq!(server.superseded_by(later).as_deref(), Some(earlier));
            let note = pushed.note.unwrap();
            assert!(
                note.starts_with("the parameter trials changed since"),
                "{note}"
            );
            assert!(note.contains(&format!("({earlier})")), "{note}");
            // It is there now, and there is nothing to tell.
            let again = mlflow.push(&run).unwrap();
            assert_eq!((&*again.id, again.note), (later, None));
        }
    }
}
