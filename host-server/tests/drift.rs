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

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::{Answer, get, limits, predict, real_model, send, stand_in_app};
use host_server::{App, DriftOptions, Key, ModelSource, Role, ServeOptions, Server, app};
use http_body_util::BodyExt;
use model_core::artifact::Artifact;
use model_core::details::Details;
use model_core::model_file::ModelFile;
use model_drift::live::{Length, Window};
use model_drift::sketch::{Column, Numbers, Role as ColumnRole, Sketch, Values};
use model_train::pack::pack;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// A window of so many requests in all.
fn rows(rows: u64, panes: usize) -> Window {
    Window {
        length: Length::Rows(rows / panes as u64),
        panes,
    }
}

fn options(window: Window, state: Option<&Path>) -> ServeOptions {
    let path = std::env::var_os("UNDERWRITE_TEST_MODEL").unwrap();
    ServeOptions {
        drift: Some(DriftOptions {
            window,
            state: state.map(Path::to_owned),
        }),
        port: 0,
        ..ServeOptions::new(ModelSource::File(path.into()))
    }
}

fn serve(window: Window) -> Router {
    app(App::open(options(window, None)).unwrap())
}

/// The artifact, and the sketch of the training rows.
fn training() -> (Artifact, Sketch) {
    let host = real_model();
    let file = ModelFile::open(host.wasm()).unwrap();
    let artifact = Artifact::decode(file.artifact()).unwrap();
    let reference = Details::from_artifact(&artifact).unwrap().reference;
    (artifact, Sketch::decode(&reference).unwrap())
}

/// Values of a column, as many of each as the training rows have, in an order that has
/// nothing to do with the other columns.
fn values(column: &Column, count: usize, turn: usize) -> Vec<Value> {
    let mut all: Vec<Value> = vec![Value::Null; usize::try_from(column.missing).unwrap()];
    match &column.values {
        Values::Numbers(numbers) => numbers.buckets().into_iter().for_each(|bucket| {
            let count = usize::try_from(bucket.count).unwrap();
            let middle = bucket.middle();
            let value = if middle.fract() == 0.0 {
                json!(middle as i64)
            } else {
                json!(middle)
            };
            all.extend(std::iter::repeat_n(value, count));
        }),
        Values::Categories(categories) => categories.sorted().iter().for_each(|(name, count)| {
            let value = match *name {
                "true" => json!(true),
                "false" => json!(false),
                text => json!(text),
            };
            all.extend(std::iter::repeat_n(value, usize::try_from(*count).unwrap()));
        }),
    }
    let stride = 7919 + 2 * turn;
    (0..count)
        .map(|row| all[(row * stride + turn * 997 + 500) % all.len()].clone())
        .collect()
}

/// Requests like the training rows.
fn requests(count: usize) -> Vec<Map<String, Value>> {
    let (artifact, reference) = training();
    let integers: Vec<&str> = artifact
        .schema
        .features
        .iter()
        .filter(|feature| matches!(feature.kind, model_core::schema::FeatureKind::Integer(_)))
        .map(|feature| feature.name.as_str())
        .collect();
    let mut rows = vec![Map::new(); count];
    for (turn, column) in reference.columns.iter().enumerate() {
        if column.spec.role != ColumnRole::Input {
            continue;
        }
        for (row, value) in rows.iter_mut().zip(values(column, count, turn)) {
            let name = column.spec.name.clone();
            let value = match value.as_f64() {
                Some(number) if integers.contains(&name.as_str()) => json!(number.round() as i64),
                _ => value,
            };
            if !value.is_null() {
                row.insert(name, value);
            }
        }
    }
    rows
}

async fn batch(app: &Router, rows: &[Map<String, Value>]) -> Answer {
    let body = serde_json::to_vec(rows).unwrap();
    send(app, "POST", "/predict/batch", &[], body).await
}

fn json(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

async fn drift(app: &Router) -> Value {
    json(&get(app, "/drift", &[]).await)
}

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

#[tokio::test]
async fn a_sketch_can_be_taken_away_and_merged() {
    let servers = [serve(rows(5000, 1)), serve(rows(5000, 1))];
    let all = requests(300);
    batch(&servers[0], &all[..200]).await;
    batch(&servers[1], &all[200..]).await;
    let mut sketches = Vec::new();
    for server in &servers {
        let answer = get(server, "/drift/sketch", &[]).await;
        sketches.push(Sketch::decode(&answer.body).unwrap());
    }
    let whole = serve(rows(5000, 1));
    batch(&whole, &all).await;
    let whole = Sketch::decode(&get(&whole, "/drift/sketch", &[]).await.body).unwrap();
    let [mut sum, other] = <[Sketch; 2]>::try_from(sketches).unwrap();
    sum.merge(&other).unwrap();
    assert_eq!(sum, whole);
    assert_eq!(sum.rows(), 300);
}

/// The difference of two sketches would be the applications between them.
#[tokio::test]
async fn a_sketch_changes_by_whole_hundreds() {
    let app = serve(rows(5000, 1));
    let all = requests(300);
    let sketch = async || get(&app, "/drift/sketch", &[]).await;
    let gauges = async || {
        let metrics = get(&app, "/metrics", &[]).await;
        let is_drift = |line: &&str| line.starts_with("underwrite_drift_");
        let lines: Vec<String> = metrics
            .text()
            .lines()
            .filter(is_drift)
            .map(str::to_owned)
            .collect();
        lines
    };
    batch(&app, &all[..99]).await;
    assert_eq!(sketch().await.status, 404);
    batch(&app, &all[99..100]).await;
    let first = sketch().await;
    assert_eq!(Sketch::decode(&first.body).unwrap().rows(), 100);
    let shown = (drift(&app).await["window"]["rows"].clone(), gauges().await);
    for one in &all[100..199] {
        batch(&app, std::slice::from_ref(one)).await;
        assert_eq!(sketch().await.body, first.body);
    }
    let same = (drift(&app).await["window"]["rows"].clone(), gauges().await);
    assert_eq!(same, shown);
    batch(&app, &all[199..200]).await;
    let second = Sketch::decode(&sketch().await.body).unwrap();
    assert_eq!(second.rows(), 200);
}

/// Of a window that tumbles, what it showed before it was full and what it showed then once
/// differed by one application.
#[tokio::test]
async fn a_full_window_tells_of_no_application() {
    let app = serve(rows(101, 1));
    let all = requests(303);
    batch(&app, &all[..100]).await;
    assert_eq!(get(&app, "/drift/sketch", &[]).await.status, 404);
    let mut changes = Vec::new();
    let mut last = Default::default();
    for (before, one) in all.iter().enumerate().skip(100) {
        batch(&app, std::slice::from_ref(one)).await;
        let sketch = get(&app, "/drift/sketch", &[]).await.body;
        assert_eq!(Sketch::decode(&sketch).unwrap().rows(), 101);
        if sketch != last {
            changes.push(before + 1);
            last = sketch;
        }
    }
    assert_eq!(changes, [101, 202, 303]);
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

/// Each began its blocks at a request of its own: what was in one block of the champion alone was
/// once the difference between the two.
#[tokio::test]
async fn a_shadow_counts_the_blocks_of_the_champion() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("loan-approval");
    for version in ["1.0.0", "1.0.0+policy2"] {
        let place = model.join(version);
        std::fs::create_dir_all(&place).unwrap();
        let file = std::env::var_os("UNDERWRITE_TEST_MODEL").unwrap();
        std::fs::copy(file, place.join("model.wasm")).unwrap();
    }
    let deployment = "version = \"1.0.0\"\n[challenger]\nversion = \"1.0.0+policy2\"";
    std::fs::write(model.join("deployment.toml"), deployment).unwrap();
    let options = ServeOptions {
        drift: Some(DriftOptions {
            window: rows(5000, 1),
            state: None,
        }),
        ..ServeOptions::new(ModelSource::Folder(folder.path().into()))
    };
    let app = app(App::open(options).unwrap());
    let all = requests(200);
    // The champion alone gets these.
    batch(&app, &all[..30]).await;
    for request in &all[30..130] {
        predict(&app, serde_json::to_string(request).unwrap()).await;
    }
    let sketch = async |path: &str| {
        let answer = get(&app, &format!("{path}/drift/sketch"), &[]).await;
        (answer.status == 200).then(|| Sketch::decode(&answer.body).unwrap())
    };
    let path = "/models/loan-approval/versions/1.0.0+policy2";
    let start = std::time::Instant::now();
    let shadow = loop {
        if let Some(shadow) = sketch(path).await {
            break shadow;
        }
        assert!(start.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let champion = sketch("").await.unwrap();
    assert_eq!((champion.rows(), shadow.rows()), (100, 100));
    let prediction = champion.column("prediction").unwrap();
    assert_eq!(prediction, shadow.column("prediction").unwrap());
    // The others come with theirs.
    batch(&app, &all[130..]).await;
    assert_eq!(sketch("").await.unwrap().rows(), 200);
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

/// A server that runs, stops and keeps its windows.
async fn run(folder: &TempDir, window: Window, count: usize) -> Value {
    let server = Server::bind(options(window, Some(folder.path())))
        .await
        .unwrap();
    let url = format!("http://{}", server.address());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let body = serde_json::to_vec(&requests(count)).unwrap();
    let asked = tokio::task::spawn_blocking(move || {
        let agent = ureq::Agent::new_with_defaults();
        if count > 0 {
            let answer = agent.post(format!("{url}/predict/batch")).send(&body[..]);
            // To its end: the rest of a long answer is decided when the client takes it.
            answer.unwrap().into_body().read_to_vec().unwrap();
        }
        let text = agent.get(format!("{url}/drift")).call().unwrap();
        text.into_body().read_to_string().unwrap()
    });
    let answer = serde_json::from_str(&asked.await.unwrap()).unwrap();
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let window = rows(5000, 4);
    assert_eq!(run(&folder, window, 150).await["window"]["rows"], 100);
    // The fifty requests of the next hundred are there as well.
    assert_eq!(run(&folder, window, 50).await["window"]["rows"], 200);
    let file = folder.path().join("loan-approval@1.0.0.window");
    let whole = std::fs::read(&file).unwrap();
    // Beside it is only the file by which a server holds the folder.
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name != ".lock").count(), 1);

    // Of another window, cut off, altered, of another model: it begins anew.
    assert_eq!(run(&folder, rows(700, 4), 0).await["window"]["rows"], 0);
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    let mut other = whole.clone();
    other[10] = if other[10] == b'0' { b'1' } else { b'0' };
    for bytes in [&whole[..whole.len() / 2], &altered, &other, b"", b"\n"] {
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(run(&folder, window, 0).await["window"]["rows"], 0);
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(run(&folder, window, 0).await["window"]["rows"], 200);
}

/// Else the open block would be in the file, and count once more after a crash, with other requests.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_block_goes_on_only_where_that_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let window = rows(5000, 4);
    assert_eq!(run(&folder, window, 150).await["window"]["rows"], 100);
    // A file can be read there, but none be written beside it: the path would be too long.
    let file = folder.path().join("loan-approval@1.0.0.window");
    let mut place = folder.path().to_owned();
    while place.as_os_str().len() < 4080 {
        let left = 4089 - place.as_os_str().len();
        place.push("d".repeat(left.min(200)));
    }
    std::fs::create_dir_all(&place).unwrap();
    std::fs::rename(&file, place.join("w")).unwrap();
    std::os::unix::fs::symlink(place.join("w"), &file).unwrap();
    assert_eq!(run(&folder, window, 50).await["window"]["rows"], 100);
}

#[tokio::test]
async fn a_window_of_seconds_forgets() {
    let window = Window {
        length: Length::Seconds(1),
        panes: 2,
    };
    let app = serve(window);
    batch(&app, &requests(200)).await;
    assert_eq!(drift(&app).await["status"], "compared");
    let metric = "underwrite_drift_dataset_detected{";
    assert!(get(&app, "/metrics", &[]).await.text().contains(metric));
    let mut waited = 0;
    while drift(&app).await["window"]["rows"] != 0 {
        waited += 1;
        assert!(waited < 200, "it does not forget");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A verdict that was true once is not shown.
    assert_eq!(drift(&app).await["status"], "waiting");
    assert!(!get(&app, "/metrics", &[]).await.text().contains(metric));
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
