//! Drift of live traffic, through the server, with the real model (UNDERWRITE_TEST_MODEL).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use common::drift::{batch, drift, json, options, requests, rows, serve, training};
use common::{get, limits, predict, send, stand_in_app};
use host_server::{App, DriftOptions, Key, ModelSource, Role, ServeOptions, app};
use http_body_util::BodyExt;
use model_core::details::Details;
use model_drift::sketch::{Numbers, Role as ColumnRole, Sketch, Values};
use model_train::pack::pack;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

#[tokio::test]
async fn before_there_are_enough_requests_nothing_is_said() {
    let app = serve(rows(500, 2));
    batch(&app, &requests(99)).await;
    let answer = drift(&app).await;
    assert_eq!(answer["status"], "waiting");
    assert_eq!(answer["dataset_drift"], Value::Null);
    assert_eq!(answer["window"]["rows"], 99);
    assert!(
        answer["detail"]
            .as_str()
            .unwrap()
            .contains("Not enough requests")
    );
    let page = get(&app, "/drift/report", &[]).await;
    assert!(
        page.text().contains("Not enough data yet"),
        "{}",
        page.text()
    );
    assert!(!page.text().contains("No drift"));
    let metrics = get(&app, "/metrics", &[]).await;
    assert!(!metrics.text().contains("underwrite_drift_detected{"));
    batch(&app, &requests(1)).await;
    assert_eq!(drift(&app).await["status"], "compared");
}

#[tokio::test]
async fn requests_like_the_training_rows_have_not_drifted() {
    let app = serve(rows(5000, 5));
    batch(&app, &requests(2000)).await;
    let answer = drift(&app).await;
    let columns = answer["columns"].as_object().unwrap();
    let (_, reference) = training();
    // Every input, the model's answers, and not the target.
    assert_eq!(columns.len(), reference.columns.len() - 1);
    for (name, column) in columns {
        // The columns were drawn one by one, so that the answers to them are others.
        if column["role"] == "input" {
            assert_eq!(column["drift"], false, "{name}: {column}");
            assert_eq!(column["current"]["rows"], 2000);
        }
    }
    assert_eq!(answer["window"]["length_rows"], 5000);
}

#[tokio::test]
async fn a_shifted_feature_is_found_in_every_form() {
    let app = serve(rows(5000, 4));
    let mut shifted = requests(1000);
    for row in &mut shifted {
        if let Some(income) = row.get("person_income").and_then(Value::as_f64) {
            row.insert("person_income".to_owned(), json!((income * 1.6).round()));
        }
    }
    batch(&app, &shifted).await;
    let answer = drift(&app).await;
    assert_eq!(answer["dataset_drift"], true);
    assert_eq!(answer["columns"]["person_income"]["drift"], true);
    assert_eq!(answer["columns"]["loan_amnt"]["drift"], false);
    let page = get(&app, "/models/loan-approval/drift/report", &[]).await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert!(page.text().contains("person_income") && page.text().contains("Drift"));
    let metrics = get(&app, "/metrics", &[]).await;
    for line in [
        "underwrite_drift_detected{model=\"loan-approval\",version=\"1.0.0\",feature=\"person_income\"} 1",
        "underwrite_drift_detected{model=\"loan-approval\",version=\"1.0.0\",feature=\"loan_amnt\"} 0",
        "underwrite_drift_dataset_detected{model=\"loan-approval\",version=\"1.0.0\"} 1",
        "underwrite_drift_window_rows{model=\"loan-approval\",version=\"1.0.0\"} 1000",
    ] {
        assert!(metrics.text().lines().any(|one| one == line), "{line}");
    }
}

/// Every way into the model is counted: alone, in batches of three forms, by version, and
/// over the other protocols.
#[tokio::test]
async fn all_ways_are_counted() {
    let app = serve(rows(5000, 1));
    let mut seen = 0;
    let one = requests(1).remove(0);
    let body = serde_json::to_vec(&one).unwrap();
    for path in [
        "/predict",
        "/models/loan-approval/predict",
        "/models/loan-approval/versions/1.0.0/predict",
    ] {
        json(&send(&app, "POST", path, &[], body.clone()).await);
        seen += 1;
        assert_eq!(drift(&app).await["window"]["rows"], seen, "{path}");
    }
    let lines = [&body[..], b"\n", &body[..], b"\n"].concat();
    let ndjson = [("content-type", "application/x-ndjson")];
    send(&app, "POST", "/predict/batch", &ndjson, lines).await;
    let csv = "loan_amnt,person_income\n1000,50000\n";
    send(
        &app,
        "POST",
        "/predict/batch",
        &[("content-type", "text/csv")],
        csv,
    )
    .await;
    let mlflow = json!({ "dataframe_records": [one] }).to_string();
    send(&app, "POST", "/invocations", &[], mlflow).await;
    let oip = json!({ "inputs": [
        { "name": "loan_amnt", "shape": [1, 1], "datatype": "FP64", "data": [1000.0] },
    ]});
    let path = "/v2/models/loan-approval/infer";
    send(&app, "POST", path, &[], oip.to_string()).await;
    assert_eq!(drift(&app).await["window"]["rows"], seen + 2 + 1 + 1 + 1);
}

/// What came is counted before any policy, also where the model refused.
#[tokio::test]
async fn what_came_is_counted_as_it_came() {
    let app = serve(rows(5000, 1));
    let usual = requests(101);
    batch(&app, &usual[..93]).await;
    let of = |answer: &Value, what: &str| {
        let counts = &answer["columns"]["person_income"]["current"];
        counts[what].as_u64().unwrap()
    };
    let change = |value: Option<Value>| {
        let mut row = usual[0].clone();
        match value {
            Some(value) => row.insert("person_income".to_owned(), value),
            None => row.remove("person_income"),
        };
        row
    };
    batch(
        &app,
        &[
            change(None),
            change(Some(json!(null))),
            change(Some(json!("a lot"))),
            change(Some(json!([1]))),
            change(Some(json!(-5))),
            change(Some(json!("50000"))),
        ],
    )
    .await;
    let mut unknown = usual[0].clone();
    unknown.insert("loan_intent".to_owned(), json!("ROCKET"));
    batch(&app, &[unknown]).await;
    for body in ["{\"person_income\": 1", "[]", "7", ""] {
        assert_eq!(predict(&app, body).await.status, 422);
    }
    let answer = drift(&app).await;
    let before = usual[..93]
        .iter()
        .filter(|row| !row.contains_key("person_income"))
        .count() as u64;
    let also = u64::from(!usual[0].contains_key("person_income"));
    assert_eq!(of(&answer, "missing"), before + also + 2);
    assert_eq!(of(&answer, "invalid"), 2);
    assert_eq!(of(&answer, "out_of_range"), 1);
    assert_eq!(answer["window"]["rows"], 93 + 6 + 1);
    assert_eq!(answer["window"]["unread"], 4);
    let intents = &answer["columns"]["loan_intent"];
    assert_eq!(intents["current"]["unknown"], 1);
    // A refused request has no answer to count.
    let answered = &answer["columns"]["prediction"]["current"];
    assert!(answered["rows"].as_u64().unwrap() < 100, "{answered}");
    assert_eq!(answered["missing"], 0);
}

/// Numbers that mean missing are counted as the model reads them.
#[tokio::test]
async fn a_number_that_means_missing_is_counted_as_missing() {
    let (mut artifact, _) = training();
    artifact.schema.missing_values = vec!["12345".to_owned()].into();
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/engine");
    let part = |name: &str| std::fs::read(engine.join(name)).unwrap();
    let artifact = artifact.encode().unwrap();
    let packed = pack(&part("engine.wasm"), &part("model.js"), &artifact).unwrap();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.wasm");
    std::fs::write(&path, packed).unwrap();
    let served = app(App::open(ServeOptions {
        models: ModelSource::File(path),
        ..options(rows(5000, 1), None)
    })
    .unwrap());
    let mut all = requests(100);
    let listed = [
        json!(12345),
        json!(12345.0),
        json!(1.2345e4),
        json!("12345.0"),
    ];
    for row in &mut all {
        row.insert("person_income".to_owned(), json!(40000));
    }
    for (row, income) in all.iter_mut().zip(&listed) {
        row.insert("person_income".to_owned(), income.clone());
    }
    let answers = json(&batch(&served, &all).await);
    for answer in &answers.as_array().unwrap()[..listed.len()] {
        let adjusted = answer["adjustments"].as_array().unwrap();
        let is_missing =
            |one: &Value| one["feature"] == "person_income" && one["kind"] == "missing";
        assert!(adjusted.iter().any(is_missing), "{answer}");
    }
    let counts = &drift(&served).await["columns"]["person_income"]["current"];
    assert_eq!(counts["missing"], listed.len(), "{counts}");
}

/// The common form is read by a scanner, any other by a general reader: both count the same, in
/// the schema's order and in any other.
#[tokio::test]
async fn the_form_of_the_json_does_not_matter() {
    let (plain, escaped) = (serve(rows(5000, 1)), serve(rows(5000, 1)));
    let ordered = serve(rows(5000, 1));
    let (artifact, _) = training();
    for row in requests(120) {
        // The keys of a `Map` are sorted.
        let text = serde_json::to_string(&row).unwrap();
        let status = predict(&plain, text.clone()).await.status;
        assert!(status == 200 || status == 422, "{status}");
        let names = artifact.schema.features.iter().map(|one| &one.name);
        let fields = names.filter_map(|name| Some(format!("{}:{}", json!(name), row.get(name)?)));
        let text_in_order = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
        assert_ne!(text_in_order, text);
        assert_eq!(predict(&ordered, text_in_order).await.status, status);
        // Every key and text begins with an escape; numbers keep their form.
        let mut other = String::new();
        let mut inside = false;
        for letter in text.chars() {
            other.push(letter);
            if letter == '"' {
                inside = !inside;
                continue;
            }
            if inside && other.ends_with(|last: char| last.is_ascii_alphabetic()) {
                let last = other.pop().unwrap();
                other.push_str(&format!("\\u{:04x}", last as u32));
            }
        }
        assert_eq!(predict(&escaped, other).await.status, status);
    }
    let (plain, escaped) = (drift(&plain).await, drift(&escaped).await);
    assert_eq!(plain["columns"], escaped["columns"]);
    assert_eq!(plain["columns"], drift(&ordered).await["columns"]);
}

/// A shadow's window once counted the champion's requests again: the difference between the two
/// could be one applicant.
#[tokio::test]
async fn a_shadow_counts_its_answers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("loan-approval");
    for version in ["1.0.0", "2.0.0"] {
        let place = model.join(version);
        std::fs::create_dir_all(&place).unwrap();
        let file = std::env::var_os("UNDERWRITE_TEST_MODEL").unwrap();
        std::fs::copy(file, place.join("model.wasm")).unwrap();
    }
    let deployment = "version = \"1.0.0\"\n[challenger]\nversion = \"2.0.0\"";
    std::fs::write(model.join("deployment.toml"), deployment).unwrap();
    let options = ServeOptions {
        allow_mismatch: true,
        drift: Some(DriftOptions {
            window: rows(5000, 1),
            state: None,
        }),
        ..ServeOptions::new(ModelSource::Folder(folder.path().into()))
    };
    let app = app(App::open(options).unwrap());
    for request in requests(100) {
        predict(&app, serde_json::to_string(&request).unwrap()).await;
    }
    let path = "/models/loan-approval/versions/2.0.0/drift";
    let start = std::time::Instant::now();
    let shadow = loop {
        let answer = json(&get(&app, path, &[]).await);
        if answer["window"]["rows"] == 100 {
            break answer;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{answer}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let of = |answer: &Value| -> Vec<String> {
        let columns = answer["columns"].as_object().unwrap();
        columns.keys().cloned().collect()
    };
    // What it said before there were enough.
    assert!(of(&shadow).iter().all(|name| name == "prediction"));
    let sketch = get(&app, &format!("{path}/sketch"), &[]).await;
    let sketch = Sketch::decode(&sketch.body).unwrap();
    let roles = sketch.columns.iter().map(|column| column.spec.role);
    assert!(roles.eq([ColumnRole::Prediction]));
    assert!(of(&drift(&app).await).len() > 1);
    let metrics = get(&app, "/metrics", &[]).await;
    let shown = |version: &str, feature: &str| {
        let line = format!(
            "underwrite_drift_score{{model=\"loan-approval\",version=\"{version}\",feature=\"{feature}\"}}"
        );
        metrics.text().contains(&line)
    };
    assert!(shown("1.0.0", "person_income") && shown("1.0.0", "prediction"));
    assert!(!shown("2.0.0", "person_income") && shown("2.0.0", "prediction"));
}

/// Each reader who did not read once held a copy of the report.
#[tokio::test]
async fn readers_share_a_report() {
    let app = serve(rows(500, 1));
    batch(&app, &requests(200)).await;
    for path in ["/drift", "/drift/report", "/drift/sketch"] {
        let mut copies = Vec::new();
        for _ in 0..2 {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let mut body = app.clone().oneshot(request).await.unwrap().into_body();
            let piece = body.frame().await.unwrap().unwrap();
            copies.push(piece.into_data().unwrap());
        }
        assert!(copies[0].len() > 1_000, "{path}");
        assert_eq!(copies[0].as_ptr(), copies[1].as_ptr(), "{path}");
    }
}

#[tokio::test]
async fn drift_needs_the_key_for_metrics() {
    let options = ServeOptions {
        keys: vec![
            Key::new("asker", Role::Predict),
            Key::new("watcher", Role::Metrics),
        ],
        ..options(rows(500, 1), None)
    };
    let app = app(App::open(options).unwrap());
    for path in [
        "/drift",
        "/drift/report",
        "/drift/sketch",
        "/models/loan-approval/drift",
    ] {
        assert_eq!(get(&app, path, &[]).await.status, 401, "{path}");
        assert_eq!(get(&app, path, &[("x-api-key", "asker")]).await.status, 403);
        // A sketch of fewer than 100 requests could tell about one of them.
        let expected = if path == "/drift/sketch" { 404 } else { 200 };
        assert_eq!(
            get(&app, path, &[("x-api-key", "watcher")]).await.status,
            expected,
            "{path}"
        );
    }
    assert_eq!(
        get(&app, "/models/boats/drift", &[("x-api-key", "watcher")])
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn without_a_reference_or_switched_off_it_says_so() {
    let answer = get(&stand_in_app(), "/drift", &[]).await;
    assert_eq!(answer.status, 404);
    assert!(
        answer.text().contains("no sketch of its training rows"),
        "{}",
        answer.text()
    );
    let options = ServeOptions {
        drift: None,
        limits: limits(),
        ..options(rows(500, 1), None)
    };
    let app = app(App::open(options).unwrap());
    let answer = get(&app, "/drift/report", &[]).await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("--no-drift"), "{}", answer.text());
}

/// The model of the tests under another name, as if these numbers took turns in its training rows.
fn trained_on(name: &str, numbers: &[f64]) -> Vec<u8> {
    let (mut artifact, mut reference) = training();
    artifact.schema.name = name.into();
    for column in &mut reference.columns {
        if let Values::Numbers(column) = &mut column.values {
            let rows = column.total();
            *column = Numbers::new(2048);
            for number in numbers {
                column.push_many(*number, rows / numbers.len() as u64);
            }
        }
    }
    let mut details = Details::from_artifact(&artifact).unwrap();
    details.reference = reference.encode();
    artifact.details = details.to_bytes().unwrap();
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/engine");
    let part = |name: &str| std::fs::read(engine.join(name)).unwrap();
    let artifact = artifact.encode().unwrap();
    pack(&part("engine.wasm"), &part("model.js"), &artifact).unwrap()
}

/// Their report was never finished, or its comparison panicked: until a restart no model had drift,
/// and the server no metrics.
#[tokio::test]
async fn training_rows_of_the_largest_numbers_hold_nobody_up() {
    let columns: [(&str, &[f64]); 4] = [
        ("code", &[f64::MAX, 0.0, 1.5]),
        ("codes", &[f64::MAX, f64::MIN, 0.0]),
        ("constant", &[1e17]),
        ("plain", &[0.5, 1.5, 3.5]),
    ];
    let folder = TempDir::new().unwrap();
    for (name, numbers) in columns {
        let place = folder.path().join(name).join("1.0.0");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("model.wasm"), trained_on(name, numbers)).unwrap();
    }
    let app = app(App::open(ServeOptions {
        models: ModelSource::Folder(folder.path().into()),
        allow_mismatch: true,
        ..options(rows(5000, 1), None)
    })
    .unwrap());
    let body = serde_json::to_vec(&requests(100)).unwrap();
    for (name, _) in columns {
        let path = format!("/models/{name}/predict/batch");
        let answer = send(&app, "POST", &path, &[], body.clone()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
    for (name, _) in columns {
        let path = format!("/models/{name}/drift");
        let drift = json(&get(&app, &path, &[]).await);
        assert_eq!(drift["status"], "compared", "{name}: {drift}");
        let page = get(&app, &format!("{path}/report"), &[]).await;
        assert_eq!(page.status, 200, "{name}: {}", page.text());
        let metrics = get(&app, "/metrics", &[]).await;
        assert_eq!(metrics.status, 200, "{name}: {}", metrics.text());
        let line = format!("underwrite_drift_dataset_detected{{model=\"{name}\"");
        assert!(metrics.text().contains(&line), "{name}: {}", metrics.text());
    }
}

/// More than the scanner and the reader look at, and not an error.
#[tokio::test]
async fn a_hostile_request_is_not_counted() {
    let app = serve(rows(500, 1));
    let deep = format!("{{\"person_age\":{}", "[".repeat(60_000));
    predict(&app, Body::from(deep)).await;
    predict(&app, Body::from(vec![b'{'; 100_000])).await;
    let answer = drift(&app).await;
    assert_eq!(answer["window"]["rows"], 0);
    assert_eq!(answer["window"]["unread"], 2);
}
