//! No silent default: what a policy filled in, clamped or replaced is said in every form of an
//! answer, and so is the version that decided. The engine is the one in `target/engine`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may fail"
)]

mod common;
#[path = "../../model-core/tests/common/mod.rs"]
mod models;

use std::fs;
use std::path::Path;

use axum::Router;
use common::{Answer, send};
use host_server::{App, Limits, ModelHost, app};
use model_train::pack::pack;
use serde_json::{Value, json};

const SCHEMA: &str = r#"
name = "loans"
version = "1.2.0"

[[feature]]
name = "number"
type = "category"
role = "ignored"

[[feature]]
name = "age"
type = "integer"
minimum = 18
maximum = 100
out_of_range = "clamp"

[[feature]]
name = "purpose"
type = "category"
categories = ["car", "other, such as \"art\""]
unknown = "most_frequent"
missing = "impute"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

fn serve() -> Router {
    serve_schema(SCHEMA)
}

fn serve_schema(schema: &str) -> Router {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/engine");
    let part = |name: &str| {
        let path = engine.join(name);
        fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask build`", path.display()))
    };
    let artifact = models::constant(schema, 0.5).encode().unwrap();
    let file = pack(&part("engine.wasm"), &part("model.js"), &artifact).unwrap();
    app(App::new(ModelHost::load(file, Limits::default()).unwrap()))
}

async fn post(path: &str, content_type: &str, body: impl ToString) -> Answer {
    let headers = [("content-type", content_type)];
    let answer = send(&serve(), "POST", path, &headers, body.to_string()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer
}

/// One adjustment in the second row, two in the third.
const ROWS: [(&str, &str); 3] = [("35", "car"), ("144", "car"), ("17", "boat")];

fn records() -> Value {
    let records = ROWS.map(|(age, purpose)| {
        let age: u32 = age.parse().unwrap();
        json!({ "age": age, "purpose": purpose })
    });
    json!(records)
}

#[tokio::test]
async fn csv_lists_adjustments_and_the_version_and_repeats_what_is_ignored() {
    let mut csv = "number,age,purpose\n".to_owned();
    for (nth, (age, purpose)) in ROWS.iter().enumerate() {
        csv += &format!("\"A,{nth}\",{age},{purpose}\n");
    }
    csv += "A9,old,car\n";
    let answer = post("/predict/batch", "text/csv", csv).await;
    let mut reader = csv::Reader::from_reader(answer.text().as_bytes());
    let head: Vec<_> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        head[5..],
        ["outcome", "adjustments", "model_version", "number"]
    );
    let rows: Vec<Vec<String>> = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect();
    let ends: Vec<&[String]> = rows.iter().map(|row| &row[6..]).collect();
    assert_eq!(ends[0], ["", "1.2.0", "A,0"]);
    assert_eq!(ends[1], ["age:out_of_range:100", "1.2.0", "A,1"]);
    assert_eq!(
        ends[2],
        [
            "age:out_of_range:18;purpose:unknown:other, such as \"art\"",
            "1.2.0",
            "A,2"
        ]
    );
    assert_eq!(ends[3], ["", "1.2.0", "A9"]);
    assert!(rows[3][4].starts_with("age: "), "{:?}", rows[3]);
}

/// Whoever reads the answer by name once got an ignored text for the decision.
#[tokio::test]
async fn no_column_of_the_answer_is_there_twice() {
    let headers = [("content-type", "text/csv")];
    for name in ["outcome", "approve", "model_version"] {
        let app = serve_schema(&SCHEMA.replace("\"number\"", &format!("\"{name}\"")));
        let csv = format!("{name},age,purpose\napprove,35,car\n");
        let answer = send(&app, "POST", "/predict/batch", &headers, csv.clone()).await;
        assert_eq!(answer.status, 400);
        let sentence = format!("the file already has a column '{name}'");
        assert!(answer.text().contains(&sentence), "{}", answer.text());
        let json = [headers[0], ("accept", "application/json")];
        let answer = send(&app, "POST", "/predict/batch", &json, csv).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// A file of known applications has what became of them: `score` copies it, and so does this.
#[tokio::test]
async fn a_column_of_the_target_is_copied_and_no_input() {
    let csv = "number,approved,age,purpose\nA1,yes,35,car\nA2,,144,car\n";
    let answer = post("/predict/batch", "text/csv", csv).await;
    let lines: Vec<&str> = answer.text().lines().collect();
    assert!(
        lines[0].ends_with(",model_version,number,approved"),
        "{lines:?}"
    );
    assert!(lines[1].ends_with(",,1.2.0,A1,yes"), "{lines:?}");
    assert!(
        lines[2].ends_with(",age:out_of_range:100,1.2.0,A2,"),
        "{lines:?}"
    );
    let answer = post("/invocations", "text/csv", csv).await;
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["predictions"].as_array().unwrap().len(), 2);
    // Which of two columns counts is not for us to say.
    for header in ["approved,age,purpose,approved", "aproved,age,purpose"] {
        let cells = vec!["1"; header.split(',').count()].join(",");
        let headers = [("content-type", "text/csv")];
        let body = format!("{header}\n{cells}\n");
        let answer = send(&serve(), "POST", "/predict/batch", &headers, body).await;
        assert_eq!(answer.status, 400, "{header}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_inference_protocol_has_them_as_an_output_and_their_number_as_a_parameter() {
    let (ages, purposes) = ([35, 144, 17], ["car", "car", "boat"]);
    let mut request = json!({ "inputs": [
        { "name": "age", "shape": [3], "datatype": "INT64", "data": ages },
        { "name": "purpose", "shape": [3], "datatype": "BYTES", "data": purposes },
    ] });
    let path = "/v2/models/loans/infer";
    let answer = post(path, "application/json", &request).await;
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["parameters"]["adjustments"], 3);
    assert_eq!(body["model_version"], "1.2.0");
    request["outputs"] = json!([{ "name": "adjustments" }]);
    let answer = post(path, "application/json", &request).await;
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let expected = [
        "",
        "age:out_of_range:100",
        "age:out_of_range:18;purpose:unknown:other, such as \"art\"",
    ];
    assert_eq!(body["outputs"][0]["data"], json!(expected));
    assert_eq!(body["outputs"][0]["datatype"], "BYTES");
}

#[tokio::test]
async fn what_has_no_place_for_them_counts_them_in_a_header() {
    for (path, body) in [
        ("/invocations", json!({ "dataframe_records": records() })),
        (
            "/v1/models/loans:predict",
            json!({ "instances": records() }),
        ),
    ] {
        let answer = post(path, "application/json", body).await;
        assert_eq!(answer.header("x-underwrite-adjustments"), "3", "{path}");
        assert_eq!(
            answer.header("x-underwrite-model-version"),
            "1.2.0",
            "{path}"
        );
    }
    let csv = "age,purpose\n35,car\n";
    let answer = post("/invocations", "text/csv", csv).await;
    assert_eq!(answer.header("x-underwrite-adjustments"), "0");
}
