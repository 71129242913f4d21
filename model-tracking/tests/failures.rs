//! A tracker that fails costs one sentence: the run stays, and goes there later.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use common::service::{always, nobody, serve, silent};
use common::wandb_service::{KEY, Service};
use model_client::{Credentials, RetryPolicy, Secret, ServiceError};
use model_tracking::mlflow::{self, Mlflow};
use model_tracking::tracker::{TrackError, Tracker, push_all};
use model_tracking::wandb::{self, Wandb};

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
