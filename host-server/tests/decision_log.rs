//! The decision log, through the server: whatever a model answers is recorded with the bytes
//! that it was given and gave back, before anybody gets the answer.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may fail"
)]

mod common;
#[path = "../../model-core/tests/common/mod.rs"]
mod models;
#[path = "common/recorded.rs"]
mod recorded;

use std::fs;
use std::time::Duration;

use axum::Router;
use common::{Answer, send};
use host_server::{App, HttpLimits, Key, OnFailure, Role as KeyRole, ServeOptions, app};
use model_log::{Digest, Kind, Opened, Outcome, Role};
use recorded::{
    ADMIN, APPROVED, DECLINED, POLICY, PROGRAM, Place, REFERRED, fetch, post, receipt, rows, serve,
};
use serde_json::{Value, json};

const OUTCOMES: [Outcome; 3] = [Outcome::Approve, Outcome::Refer, Outcome::Decline];

async fn typed(app: &Router, path: &str, content_type: &str, body: &str) -> Answer {
    let headers = [("x-api-key", PROGRAM), ("content-type", content_type)];
    send(app, "POST", path, &headers, body.to_owned()).await
}

/// The records that an answer's header names.
fn named(place: &Place, answer: &Answer) -> Vec<Opened> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (first, last) = receipt(answer);
    let reader = place.reader();
    let records = (first..=last).map(|index| reader.record(index).unwrap());
    let records: Vec<Opened> = records.collect();
    assert!(
        answer
            .header("x-decision-log")
            .ends_with(&records.last().unwrap().leaf.to_string())
    );
    records
}

#[tokio::test]
async fn one_decision_is_recorded_with_the_modules_bytes() {
    let place = Place::new();
    let app = place.serve();
    for (path, route, role) in [
        ("/predict", "/predict", Role::Champion),
        (
            "/models/loans/predict",
            "/models/{name}/predict",
            Role::Champion,
        ),
        (
            "/models/loans/versions/1.0.0/predict",
            "/models/{name}/versions/{version}/predict",
            Role::Version,
        ),
    ] {
        for (body, outcome) in [APPROVED, REFERRED, DECLINED].into_iter().zip(OUTCOMES) {
            let headers = [
                ("x-api-key", PROGRAM),
                ("x-request-id", "r-1"),
                ("x-application-id", "A-17"),
            ];
            let answer = send(&app, "POST", path, &headers, body).await;
            let record = named(&place, &answer).pop().unwrap();
            assert_eq!((record.kind, record.outcome), (Kind::Decision, outcome));
            assert_ne!(record.policy, Digest::NONE);
            let told = record.body.unwrap();
            assert_eq!(told.request, body.as_bytes());
            // The answer is the recorded one with the host's two fields at its end.
            let recorded = std::str::from_utf8(&told.answer).unwrap();
            let module = recorded.strip_suffix('}').unwrap();
            let host = answer.text().strip_prefix(module).unwrap();
            assert!(host.starts_with(",\"latency_seconds\":"), "{host}");
            let details = told.details;
            assert_eq!((details.status, details.role), (200, role));
            assert_eq!((details.route.as_str(), details.row), (route, None));
            assert_eq!(details.request_id, "r-1");
            assert_eq!(details.application, "A-17");
            assert!(details.caller.starts_with("sha256:"), "{}", details.caller);
            assert!(details.time > 1_700_000_000_000_000);
        }
    }
    assert_eq!(place.replay(), 9);
}

#[tokio::test]
async fn a_refusal_is_recorded_too() {
    let place = Place::new();
    let app = place.serve();
    let answer = post(&app, PROGRAM, "/predict", r#"{"incom": 1}"#).await;
    assert_eq!(answer.status, 422);
    let record = place.reader().record(receipt(&answer).0).unwrap();
    assert_eq!(
        (record.kind, record.outcome),
        (Kind::Decision, Outcome::None)
    );
    let told = record.body.unwrap();
    assert_eq!(told.details.status, 422);
    assert_eq!(told.answer, answer.body);
    // What never reached the module is no decision.
    let before = place.records().len();
    assert_eq!(post(&app, "wrong", "/predict", APPROVED).await.status, 401);
    let long = "x".repeat(200);
    let headers = [("x-api-key", PROGRAM), ("x-application-id", long.as_str())];
    assert_eq!(
        send(&app, "POST", "/predict", &headers, APPROVED)
            .await
            .status,
        400
    );
    assert_eq!(place.records().len(), before);
}

#[tokio::test]
async fn each_row_of_every_protocol_is_a_record() {
    let place = Place::new();
    let app = place.serve();
    let csv = "income,amount\n50000,4000\n50000,20000\n10000,60000\n";
    let columns = json!({ "inputs": [
        { "name": "income", "shape": [3, 1], "datatype": "FP64", "data": [50000, 50000, 10000] },
        { "name": "amount", "shape": [3, 1], "datatype": "FP64", "data": [4000, 20000, 60000] },
    ] });
    let instances = json!({ "instances": rows() }).to_string();
    let json_type = "application/json";
    for (path, content_type, body) in [
        ("/predict/batch", json_type, rows().to_string()),
        ("/models/loans/predict/batch", json_type, rows().to_string()),
        ("/predict/batch", "text/csv", csv.to_owned()),
        ("/invocations", "text/csv", csv.to_owned()),
        ("/invocations", json_type, instances.clone()),
        ("/v1/models/loans:predict", json_type, instances.clone()),
        ("/v2/models/loans/infer", json_type, columns.to_string()),
        (
            "/v2/models/loans/versions/1.0.0/infer",
            json_type,
            columns.to_string(),
        ),
    ] {
        let answer = typed(&app, path, content_type, &body).await;
        let records = named(&place, &answer);
        let outcomes: Vec<Outcome> = records.iter().map(|record| record.outcome).collect();
        assert_eq!(outcomes, OUTCOMES, "{path} {content_type}");
        for (at, record) in records.iter().enumerate() {
            let details = &record.body.as_ref().unwrap().details;
            assert_eq!(details.row, Some(at as u64), "{path}");
            // It would say of the others what is to be erased with them.
            assert_eq!(details.body_sha256, Digest::NONE, "{path} {content_type}");
        }
    }
    let one = "income,amount\n50000,4000\n";
    for path in ["/predict/batch", "/invocations"] {
        let answer = typed(&app, path, "text/csv", one).await;
        let body = named(&place, &answer)[0].body.clone().unwrap();
        let digest = Digest::from_content(one.as_bytes());
        assert_eq!(body.details.body_sha256, digest, "{path}");
    }
    assert_eq!(place.replay(), 26);
}

#[tokio::test]
async fn lines_are_recorded_before_they_are_sent_and_long_batches_in_order() {
    let place = Place::new();
    let app = place.serve();
    let lines = format!("{APPROVED}\n{REFERRED}\n{DECLINED}\n");
    let answer = typed(&app, "/predict/batch", "application/x-ndjson", &lines).await;
    assert_eq!(answer.text().lines().count(), 3);
    assert_eq!(place.replay(), 3);

    let many: Vec<Value> = rows()
        .as_array()
        .unwrap()
        .iter()
        .cycle()
        .take(1200)
        .cloned()
        .collect();
    let before = syncs(&app).await;
    let many = json!(many).to_string();
    let answer = typed(&app, "/predict/batch", "application/json", &many).await;
    assert_eq!(syncs(&app).await, before + 1, "a batch is one sync");
    let answers: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answers.len(), 1200);
    let records = named(&place, &answer);
    assert_eq!(records.len(), 1200);
    for (at, record) in records.iter().enumerate() {
        assert_eq!(record.outcome, OUTCOMES[at % 3]);
        assert_eq!(record.body.as_ref().unwrap().details.row, Some(at as u64));
    }
    let answer = typed(&app, "/predict/batch", "application/json", "[]").await;
    assert_eq!((answer.text(), answer.header("x-decision-log")), ("[]", ""));
}

async fn syncs(app: &Router) -> u64 {
    let metrics = fetch(app, ADMIN, "/metrics").await;
    let mut lines = metrics.text().lines();
    let value = lines.find_map(|line| line.strip_prefix("underwrite_decision_log_syncs_total "));
    value.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_file_that_a_reload_refuses_is_recorded() {
    let place = Place::new();
    let app = place.serve();
    place.put("1.1.0", POLICY);
    let path = place.models().join("loans/1.1.0/model.wasm");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    for _ in 0..2 {
        let reload = post(&app, ADMIN, "/models/loans/reload", "").await;
        assert!(reload.text().contains("refused"), "{}", reload.text());
    }
    let records = place.records();
    let refused = records.iter().filter(|one| one.kind == Kind::ModelRefused);
    let refused: Vec<model_log::event::Model> = refused.map(|one| one.event().unwrap()).collect();
    // Whoever asks for a reload has it tried again.
    assert_eq!(refused.len(), 2);
    let event = &refused[0];
    assert_eq!((&*event.name, &*event.version), ("loans", "1.1.0"));
    assert_eq!(event.file_sha256, Some(Digest::from_content(&bytes)));
    assert!(event.source.ends_with("1.1.0/model.wasm") && !event.because.is_empty());
    let answer = post(&app, PROGRAM, "/predict", APPROVED).await;
    assert_eq!(named(&place, &answer).len(), 1);
}

#[tokio::test]
async fn an_explanation_is_a_kind_of_its_own() {
    let place = Place::new();
    let app = place.serve();
    let answer = post(&app, PROGRAM, "/explain", REFERRED).await;
    let record = named(&place, &answer).pop().unwrap();
    assert_eq!(
        (record.kind, record.outcome),
        (Kind::Explanation, Outcome::None)
    );
    assert_eq!(record.body.unwrap().answer, answer.body);
    let answer = post(&app, PROGRAM, "/models/loans/explain", rows()).await;
    assert_eq!(named(&place, &answer).len(), 3);
    assert_eq!(place.replay(), 4);
}

#[tokio::test]
async fn a_canary_and_a_shadow_are_told_apart() {
    let place = Place::new();
    place.put("1.1.0", &POLICY.replace("amount < 5000", "amount < 1"));
    let deployment = |mode: &str| {
        let text = format!(
            "version = \"1.0.0\"\n[challenger]\nversion = \"1.1.0\"\nmode = \"{mode}\"\npercent = 50\n"
        );
        let text = match mode {
            "shadow" => text.replace("percent = 50\n", ""),
            _ => text,
        };
        fs::write(place.models().join("loans/deployment.toml"), text).unwrap();
    };
    let options = |place: &Place| ServeOptions {
        allow_mismatch: true,
        ..place.options()
    };
    deployment("canary");
    let app = serve(options(&place));
    let mut roles = Vec::new();
    for _ in 0..4 {
        let answer = post(&app, PROGRAM, "/predict", APPROVED).await;
        let record = named(&place, &answer).pop().unwrap();
        roles.push(record.body.unwrap().details.role);
    }
    roles.sort_by_key(|role| *role == Role::Canary);
    assert_eq!(
        roles,
        [Role::Champion, Role::Champion, Role::Canary, Role::Canary]
    );

    deployment("shadow");
    post(&app, ADMIN, "/models/loans/reload", "").await;
    let answer = post(&app, PROGRAM, "/predict", APPROVED).await;
    let (index, _) = receipt(&answer);
    let shadow = async {
        for _ in 0..200 {
            let records = place.records();
            if let Some(found) = records
                .into_iter()
                .find(|record| record.link == Some(index))
            {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the shadow is not recorded");
    };
    let shadow = shadow.await;
    assert_eq!(
        (shadow.kind, shadow.outcome),
        (Kind::Decision, Outcome::Refer)
    );
    assert_eq!(shadow.body.unwrap().details.role, Role::Shadow);
    assert_eq!(place.replay(), 6);
}

/// Its copies once went with whoever left while the answer was being recorded, and with them the
/// shadow's drift window.
#[tokio::test]
async fn a_shadow_gets_what_was_decided_for_who_has_left() {
    let place = Place::new();
    place.put("1.1.0", POLICY);
    let deployment = "version = \"1.0.0\"\n[challenger]\nversion = \"1.1.0\"\nmode = \"shadow\"\n";
    fs::write(place.models().join("loans/deployment.toml"), deployment).unwrap();
    let app = place.serve();
    let mut asked = Box::pin(post(&app, PROGRAM, "/predict", APPROVED));
    // It has been decided; its record is on the disk already, or is waited for.
    let _ = futures_util::poll!(&mut asked);
    drop(asked);
    let agreed = "underwrite_shadow_total{model=\"loans\",version=\"1.1.0\",result=\"agreed\"} 1";
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let metrics = fetch(&app, ADMIN, "/metrics").await;
        if metrics.text().contains(agreed) {
            return;
        }
        assert!(std::time::Instant::now() < end, "{}", metrics.text());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn every_model_is_kept_and_said_to_be_loaded() {
    let place = Place::new();
    let app = place.serve();
    place.put("2.0.0", POLICY);
    let reload = post(&app, ADMIN, "/models/loans/reload", "").await;
    assert_eq!(reload.status, 200, "{}", reload.text());
    let records = place.records();
    let loaded: Vec<&Opened> = records
        .iter()
        .filter(|record| record.kind == Kind::ModelLoaded)
        .collect();
    assert_eq!(loaded.len(), 2);
    for (record, version) in loaded.iter().zip(["1.0.0", "2.0.0"]) {
        let event = record.body.as_ref().unwrap().details.event.clone().unwrap();
        assert_eq!(
            (&event["name"], &event["version"]),
            (&json!("loans"), &json!(version))
        );
        let file = fs::read(
            place
                .models()
                .join("loans")
                .join(version)
                .join("model.wasm"),
        );
        let file = file.unwrap();
        assert_eq!(record.model, Digest::from_content(&file));
        assert_eq!(place.reader().model(record.model).unwrap(), file);
    }
}

#[tokio::test]
async fn checkpoint_and_tiles_are_read_with_any_key_and_changes_need_the_admins() {
    let place = Place::new();
    let app = place.serve();
    post(&app, PROGRAM, "/predict", APPROVED).await;
    let answer = fetch(&app, PROGRAM, "/log/checkpoint").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.text().starts_with("underwrite\n"),
        "{}",
        answer.text()
    );
    assert_eq!(fetch(&app, "none", "/log/checkpoint").await.status, 401);
    let key = fetch(&app, PROGRAM, "/log/key").await;
    assert_eq!(key.text().trim(), place.reader().verifier_key());
    assert_eq!(fetch(&app, PROGRAM, "/log/tile/9/999").await.status, 404);
    assert_eq!(
        fetch(&app, PROGRAM, "/log/tile/../keys/epoch").await.status,
        404
    );

    let decided = post(&app, PROGRAM, "/predict", APPROVED).await;
    let (index, _) = receipt(&decided);
    let change = |more: Value| {
        let mut change = json!({ "indexes": [index], "because": "claim 17" });
        change
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        change
    };
    let hold = |app: Router, key: &'static str| async move {
        post(&app, key, "/log/hold", change(json!({}))).await
    };
    assert_eq!(hold(app.clone(), PROGRAM).await.status, 403);
    assert_eq!(hold(app.clone(), ADMIN).await.status, 200);
    let erase = change(json!({ "before_term": true }));
    assert_eq!(post(&app, ADMIN, "/log/erase", &erase).await.status, 409);
    assert_eq!(
        post(&app, ADMIN, "/log/release", change(json!({})))
            .await
            .status,
        200
    );
    assert_eq!(
        post(&app, ADMIN, "/log/erase", change(json!({})))
            .await
            .status,
        409
    );
    assert_eq!(post(&app, ADMIN, "/log/erase", &erase).await.status, 200);
    assert!(place.reader().record(index).unwrap().body.is_none());
    let unknown = json!({ "indexes": [99_999], "because": "x" });
    assert_eq!(post(&app, ADMIN, "/log/hold", unknown).await.status, 404);
    let odd = json!({ "indexes": [0], "because": "x", "why": 1 });
    assert_eq!(post(&app, ADMIN, "/log/hold", odd).await.status, 422);
}

/// Changes of a long log once took the threads that long bodies of others need to grow.
#[test]
fn a_change_of_the_log_needs_no_thread_of_the_connections() {
    let place = Place::new();
    let mut threads = tokio::runtime::Builder::new_current_thread();
    let threads = threads.enable_all().max_blocking_threads(1).build();
    threads.unwrap().block_on(async {
        let app = place.serve();
        let decided = post(&app, PROGRAM, "/predict", APPROVED).await;
        let (index, _) = receipt(&decided);
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || ended.recv());
        for what in ["hold", "release", "erase"] {
            let mut change = json!({ "indexes": [index], "because": "claim 17" });
            if what == "erase" {
                change["before_term"] = json!(true);
            }
            let path = format!("/log/{what}");
            let answer = post(&app, ADMIN, &path, change);
            let answer = tokio::time::timeout(Duration::from_secs(30), answer).await;
            assert_eq!(answer.expect(what).status, 200, "{what}");
        }
        drop(end);
        assert!(busy.await.unwrap().is_err());
    });
}

/// Leaves tell the outcomes of everybody's decisions, as metrics do.
#[tokio::test]
async fn leaves_are_read_with_the_key_for_metrics_where_there_is_one() {
    const METRICS: &str = "key-for-metrics";
    let leaves = "/log/tile/entries/000.p/1";
    let place = Place::new();
    let with_key = || {
        let mut options = place.options();
        options.keys.push(Key::new(METRICS, KeyRole::Metrics));
        options
    };
    let with_port = || ServeOptions {
        metrics_port: Some(0),
        ..place.options()
    };
    for (options, program, metrics) in [
        (place.options(), 200, 401),
        (with_key(), 403, 200),
        (with_port(), 403, 401),
    ] {
        let app = open(options);
        // A checkpoint comes with the tiles that it needs.
        for _ in 0..1000 {
            if fetch(&app, ADMIN, leaves).await.status != 404 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        for (key, leaves_are) in [(PROGRAM, program), (METRICS, metrics), (ADMIN, 200)] {
            assert_eq!(fetch(&app, key, leaves).await.status, leaves_are, "{key}");
        }
        let hashes = fetch(&app, PROGRAM, "/log/tile/0/000.p/1").await;
        assert_eq!(hashes.status, 200);
        // A cache in front asks nobody for a key.
        for tile in [&hashes, &fetch(&app, ADMIN, leaves).await] {
            let kept = tile.header("cache-control");
            assert!(kept.starts_with("private, "), "{kept}");
        }
        assert_eq!(fetch(&app, PROGRAM, "/log/checkpoint").await.status, 200);
        // No other way to write the path leads there.
        for path in ["/log/tile/entries%2F000.p/1", "/log/tile/%65ntries/000.p/1"] {
            for key in [PROGRAM, ADMIN] {
                assert_eq!(fetch(&app, key, path).await.status, 404, "{key}: {path}");
            }
            assert_ne!(fetch(&app, METRICS, path).await.status, 200, "{path}");
        }
    }
}

/// The server before has closed its log when it was dropped.
fn open(options: ServeOptions) -> Router {
    for _ in 0..500 {
        match App::open(options.clone()) {
            Ok(opened) => return app(opened),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    }
    panic!("the log stays locked")
}

#[tokio::test]
async fn without_a_log_nothing_changes_and_its_routes_say_so() {
    let place = Place::new();
    let app = serve(ServeOptions {
        decision_log: None,
        ..place.options()
    });
    let answer = post(&app, PROGRAM, "/predict", APPROVED).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-decision-log")),
        (200, "")
    );
    for path in [
        "/log/checkpoint",
        "/log/tile/0/000",
        "/decisions",
        "/decisions/me",
    ] {
        let answer = fetch(&app, PROGRAM, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(
            answer.text().contains("--decision-log FOLDER"),
            "{path}: {}",
            answer.text()
        );
    }
    assert!(
        !fetch(&app, PROGRAM, "/metrics")
            .await
            .text()
            .contains("decision_log")
    );
}

#[tokio::test]
async fn a_second_server_on_one_log_is_refused() {
    let place = Place::new();
    let _app = place.serve();
    let error = host_server::App::open(place.options())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("another process holds this log"), "{error}");
}

/// A batch once was refused for its length after thousands of its rows had been recorded.
#[tokio::test]
async fn a_batch_that_is_refused_for_its_length_leaves_no_records() {
    let place = Place::new();
    let app = serve(ServeOptions {
        http: HttpLimits {
            body_memory: 16 << 20,
            ..HttpLimits::default()
        },
        ..place.options()
    });
    let before = place.records().len();
    let batch = |rows: usize| format!("[{}]", vec![APPROVED; rows].join(","));
    let answer = post(&app, PROGRAM, "/predict/batch", batch(40_000)).await;
    assert_eq!(answer.status, 503, "{}", answer.body.len());
    assert_eq!(place.records().len(), before);
    let answer = post(&app, PROGRAM, "/predict/batch", batch(1_000)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(place.records().len(), before + 1_000);
}

/// The disk is full: a limit on the size of files stands for it. The limit counts for the whole
/// process, so this runs in one of its own.
#[test]
fn a_full_disk_refuses_or_serves_as_the_settings_say() {
    const NAME: &str = "a_full_disk_refuses_or_serves_as_the_settings_say";
    if std::env::var_os("FULL_DISK").is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(full_disk());
    }
    let program = std::env::current_exe().unwrap();
    let limited = format!(
        "ulimit -f 2048; trap '' XFSZ; exec \"{}\" --exact {NAME}",
        program.display()
    );
    let status = std::process::Command::new("bash")
        .args(["-c", &limited])
        .env("FULL_DISK", "1")
        .status();
    assert!(status.unwrap().success());
}

async fn full_disk() {
    let big = format!("[{}]", vec![APPROVED; 200].join(","));
    for on_failure in [OnFailure::Refuse, OnFailure::Serve] {
        let place = Place::new();
        let mut options = place.options();
        options.decision_log.as_mut().unwrap().on_failure = on_failure;
        let app = serve(options);
        let mut acknowledged = Vec::new();
        let mut failed = None;
        for _ in 0..60 {
            let answer = post(&app, PROGRAM, "/predict/batch", &big).await;
            if answer.header("x-decision-log").is_empty() {
                failed = Some(answer);
                break;
            }
            acknowledged.push(receipt(&answer));
        }
        let failed = failed.expect("2 MiB take no more than 60 batches");
        let metrics = fetch(&app, PROGRAM, "/metrics").await;
        match on_failure {
            OnFailure::Refuse => {
                assert_eq!(failed.status, 503, "{}", failed.text());
                assert!(
                    failed.text().contains("cannot be recorded"),
                    "{}",
                    failed.text()
                );
                let folder = place.log().display().to_string();
                assert!(!failed.text().contains(&folder), "{}", failed.text());
                assert!(
                    metrics
                        .text()
                        .contains("underwrite_decision_log_refused_total{cause=")
                );
            }
            OnFailure::Serve => {
                assert_eq!(failed.status, 200);
                assert!(
                    metrics
                        .text()
                        .contains("underwrite_decision_log_unrecorded_total 200")
                );
            }
        }
        // Whatever was acknowledged is there.
        let reader = place.reader();
        for (first, last) in acknowledged {
            for index in [first, last] {
                assert_eq!(reader.record(index).unwrap().outcome, Outcome::Approve);
            }
        }
    }
}
