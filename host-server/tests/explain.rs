//! `POST /explain`: the module's bytes, and counted as no decision.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "../../model-core/tests/common/mod.rs"]
mod models;

mod common;

use std::fs;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::{Answer, get, send, stand_in};
use host_server::{App, Limits, ModelHost, ModelSource, ServeOptions, app};
use http_body_util::BodyExt;
use model_core::artifact::Artifact;
use model_core::details::Details;
use model_core::reasons::Profiles;
use model_drift::sketch::{Capacity, Column, Sketch, Spec};
use model_train::pack::pack;
use serde_json::{Value, json};
use tower::ServiceExt;

fn artifact() -> Artifact {
    let mut artifact = models::linear(models::EVERYTHING);
    artifact.threshold = 0.999;
    let mut row = artifact.preprocessing.imputed.clone();
    row[0] = 90_000.0;
    artifact.profiles = Some(Profiles::single("approved", row));
    artifact
}

fn load() -> ModelHost {
    host(&artifact())
}

fn host(artifact: &Artifact) -> ModelHost {
    ModelHost::load(packed(artifact), Limits::default()).unwrap()
}

fn packed(artifact: &Artifact) -> Vec<u8> {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/engine");
    let part = |name: &str| {
        let path = engine.join(name);
        fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask build`", path.display()))
    };
    let encoded = artifact.encode().unwrap();
    pack(&part("engine.wasm"), &part("model.js"), &encoded).unwrap()
}

fn serve() -> Router {
    app(App::new(load()))
}

async fn post(app: &Router, path: &str, body: &str) -> Answer {
    send(app, "POST", path, &[], body.to_owned()).await
}

/// What the core says.
fn native(body: &str) -> (u16, Vec<u8>) {
    let mut out = Vec::new();
    let status = models::decider(&artifact()).explain(body.as_bytes(), &mut out);
    (status, out)
}

fn question(application: &str) -> String {
    format!("{{\"application\":{application},\"language\":\"en\"}}")
}

#[tokio::test]
async fn an_explanation_is_the_modules_and_counted_as_no_decision() {
    let app = serve();
    let before = get(&app, "/metrics", &[]).await.text().to_owned();
    for body in [
        models::request(&[]),
        question(&models::request(&[("income", "1000")])),
        r#"{"incom": 1}"#.to_owned(),
        question(r#"{"age": 1}"#),
        "[".to_owned() + "1",
    ] {
        if body.starts_with('[') {
            assert_eq!(post(&app, "/explain", &body).await.status, 422);
            continue;
        }
        for path in [
            "/explain",
            "/models/everything/explain",
            "/models/everything/versions/1.2.3/explain",
        ] {
            let answer = post(&app, path, &body).await;
            let (status, expected) = native(&body);
            assert_eq!(answer.status, status, "{path} {body}");
            assert_eq!(answer.body, expected, "{path} {body}");
        }
    }
    let after = get(&app, "/metrics", &[]).await.text().to_owned();
    let decisions = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| {
            [
                "underwrite_outcomes",
                "underwrite_predictions",
                "latest_prediction",
            ]
            .iter()
            .any(|name| line.starts_with(name))
        });
        lines.map(str::to_owned).collect()
    };
    assert_eq!(decisions(&before), decisions(&after));
}

#[tokio::test]
async fn an_array_is_explained_row_by_row() {
    let app = serve();
    let (good, refused) = (models::request(&[]), r#"{"incom": 1}"#);
    let body = format!("[{good},{refused},{}]", question(&good));
    let answer = post(&app, "/explain", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let rows: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
    let expected: Value = serde_json::from_slice(&native(&good).1).unwrap();
    assert_eq!(rows[0], expected);
    assert_eq!(rows[1]["row"], json!(1));
    assert_eq!(rows[1]["status"], json!(422));
    assert_eq!(rows[2], expected);
    assert_eq!(post(&app, "/explain", "[]").await.body, &b"[]"[..]);
}

/// Others wait for their turn of the same threads.
#[tokio::test]
async fn a_long_array_is_explained_in_many_short_turns() {
    let rows = vec![models::request(&[]); 20].join(",");
    let request = Request::post("/explain").body(Body::from(format!("[{rows}]")));
    let answer = serve().oneshot(request.unwrap()).await.unwrap();
    let mut body = answer.into_body();
    let (mut pieces, mut whole) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        let piece = frame.unwrap().into_data().unwrap();
        pieces += 1;
        whole.extend_from_slice(&piece);
    }
    assert!(pieces >= 3, "{pieces}");
    let rows: Vec<Value> = serde_json::from_slice(&whole).unwrap();
    assert_eq!(rows.len(), 20);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let app = serve();
    let answer = get(&app, "/explain", &[]).await;
    assert_eq!(answer.status, 405);
    let unknown = post(&app, "/models/nobody/explain", "{}").await;
    assert_eq!(unknown.status, 404);
    let text = [("content-type", "text/plain")];
    let answer = send(&app, "POST", "/explain", &text, "{}".to_owned()).await;
    assert_eq!(answer.status, 415);
}

/// A module that was packed before modules could explain.
#[tokio::test]
async fn an_older_module_says_so() {
    let old = ModelHost::load(stand_in(&[]), Limits::default()).unwrap();
    assert!(!old.explains());
    let answer = post(&app(App::new(old)), "/explain", "{}").await;
    assert_eq!(answer.status, 501);
    assert!(
        answer.text().contains("train or pack it again"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn reasons_in_answers_are_counted() {
    let mut artifact = artifact();
    artifact.schema.reasons.in_answer = true;
    artifact.schema.reasons.max = 1;
    let app = app(App::new(host(&artifact)));
    let answer = post(&app, "/predict", &models::request(&[])).await;
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let code = body["reasons"][0]["code"].as_str().unwrap();
    let metrics = get(&app, "/metrics", &[]).await;
    let line = format!(
        "underwrite_reasons_total{{model=\"everything\",version=\"1.2.3\",code=\"{code}\"}} 1"
    );
    assert!(metrics.text().contains(&line), "{line}");
}

/// What counted most against training rows, and what does against applications of the window.
#[tokio::test]
async fn first_reasons_are_in_the_drift_window() {
    let mut artifact = artifact();
    artifact.schema.reasons.in_answer = true;
    let decided = app(App::new(host(&artifact)));
    let answer = post(&decided, "/predict", &models::request(&[])).await;
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let code = body["reasons"][0]["code"].as_str().unwrap();
    let mut reasons = Column::new(Spec::for_first_reasons(), Capacity::CARRIED);
    reasons.push_texts("another", 300);
    reasons.push_texts(code, 100);
    let reference = Sketch {
        columns: vec![
            Column::new(Spec::for_predictions(), Capacity::CARRIED),
            reasons,
        ],
    };
    artifact.details = Details {
        reference: reference.encode(),
        ..Details::default()
    }
    .to_bytes()
    .unwrap();
    let app = app(App::new(host(&artifact)));
    let row = models::request(&[]);
    let rows = vec![row.as_str(); 199].join(",");
    post(&app, "/predict/batch", &format!("[{rows}]")).await;
    // No decision: in no window.
    post(&app, "/explain", &row).await;
    // Refused: without a reason.
    post(&app, "/predict", "{}").await;
    let answer = get(&app, "/drift", &[]).await;
    let drift: Value = serde_json::from_slice(&answer.body).unwrap();
    let column = &drift["columns"]["first_reason"];
    assert_eq!(drift["window"]["rows"], 200, "{drift}");
    assert_eq!(column["role"], "reason");
    assert_eq!(column["current"]["rows"], 199);
    assert_eq!(column["current"]["missing"], 0);
    assert_eq!(column["drift"], true);
    // Of 400 and 199 rows, half a row added to each of two bins.
    let shares: [[f64; 2]; 2] = [[300.5 / 401.0, 100.5 / 401.0], [0.5 / 200.0, 199.5 / 200.0]];
    let psi: f64 = (0..2)
        .map(|bin| (shares[0][bin] - shares[1][bin]) * (shares[0][bin] / shares[1][bin]).ln())
        .sum();
    let index = column["stability_index"].as_f64().unwrap();
    assert!((index - psi).abs() < 1e-9, "{index} {psi}");
}

/// Two versions that differ in nothing else take turns by a field of the application.
#[tokio::test]
async fn a_canary_explains_what_it_decides() {
    let folder = tempfile::tempdir().unwrap();
    for version in ["1.0.0", "2.0.0"] {
        let mut artifact = artifact();
        artifact.schema.version = version.into();
        // The one of all small models is made up, and a version must answer its own.
        artifact.golden_rows.clear();
        let place = folder.path().join("everything").join(version);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("model.wasm"), packed(&artifact)).unwrap();
    }
    let canary = "[challenger]\nversion = \"2.0.0\"\nmode = \"canary\"\npercent = 50\nsticky_by = \"income\"\n";
    fs::write(folder.path().join("everything/deployment.toml"), canary).unwrap();
    let options = ServeOptions::new(ModelSource::Folder(folder.path().to_owned()));
    let app = app(App::open(options).unwrap());
    let mut versions = Vec::new();
    for income in 0..20 {
        let application = models::request(&[("income", &format!("{}", 1000 + income))]);
        let version = |answer: Answer| {
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            let decision = if body["decision"].is_null() {
                &body
            } else {
                &body["decision"]
            };
            decision["model"]["version"].as_str().unwrap().to_owned()
        };
        let decided = version(post(&app, "/predict", &application).await);
        for body in [&application, &question(&application)] {
            let explained = version(post(&app, "/explain", body).await);
            assert_eq!(explained, decided, "{body}");
        }
        versions.push(decided);
    }
    versions.sort();
    versions.dedup();
    assert_eq!(versions, ["1.0.0", "2.0.0"]);
}
