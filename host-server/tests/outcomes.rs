//! A model with a policy and a derived field, through the server: outcomes and rules in every
//! form of an answer, in the metrics, in the comparison of a shadow, and in the drift window.
//! The engine is the one in `target/engine`.

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
use std::time::Duration;

use axum::Router;
use common::{Answer, get, predict, send};
use host_server::{
    App, DriftOptions, Key, Limits, ModelHost, ModelSource, Role, ServeOptions, app,
};
use model_core::artifact::Artifact;
use model_core::details::Details;
use model_core::policy::Policy;
use model_drift::sketch::{Sketch, answer_batch};
use model_train::pack::pack;
use serde_json::{Value, json};

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"

[[feature]]
name = "income"
type = "number"
minimum = 0
maximum = 100000
missing = "impute"
out_of_range = "clamp"

[[feature]]
name = "amount"
type = "number"

[[feature]]
name = "share"
type = "number"
derived = "amount / income"
round = 2
mismatch = "overwrite"
missing = "zero"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

/// The model says 0.5 of everybody, so the band refers whoever no rule decides.
const POLICY: &str = r#"
[policy]
version = "2026-11"
refer = [0.4, 0.6]

[[rule]]
id = "minimum-income"
when = "income < 12000"
then = "decline"
code = "K01"
text = "Income is below the minimum"

[[rule]]
id = "small"
when = "share <= 0.1"
then = "approve"
code = "A01"
text = "Small for the income"

[[rule]]
id = "large"
when = "amount > 50000"
then = "decline"
code = "K02"
text = "The amount is above the maximum"
"#;

fn artifact(policy: Option<&str>) -> Artifact {
    let mut artifact = models::constant(SCHEMA, 0.5);
    artifact.policy = policy.map(|text| {
        let file = Policy::from_toml(text, &artifact.schema, &["en".into()]);
        file.unwrap().policy
    });
    artifact
}

fn packed(artifact: &Artifact) -> Vec<u8> {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/engine");
    let part = |name: &str| {
        let path = engine.join(name);
        fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask build`", path.display()))
    };
    let artifact = artifact.encode().unwrap();
    pack(&part("engine.wasm"), &part("model.js"), &artifact).unwrap()
}

fn load(artifact: &Artifact) -> ModelHost {
    ModelHost::load(packed(artifact), Limits::default()).unwrap()
}

fn serve(policy: Option<&str>) -> Router {
    app(App::new(load(&artifact(policy))))
}

fn json(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

async fn post(app: &Router, path: &str, body: &Value) -> Value {
    json(&send(app, "POST", path, &[], body.to_string()).await)
}

/// Approved, referred, declined by two rules.
fn rows() -> Value {
    json!([
        { "income": 50000, "amount": 4000 },
        { "income": 50000, "amount": 20000 },
        { "income": 10000, "amount": 60000, "share": 6 },
    ])
}

const OUTCOMES: [&str; 3] = ["approve", "refer", "decline"];
const RULES: [&str; 3] = ["A01", "", "K01;K02"];

async fn metric(app: &Router, sample: &str) -> Option<u64> {
    let text = get(app, "/metrics", &[]).await;
    let line = text
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(sample));
    line.map(|value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn a_decision_is_the_modules_and_counted_once() {
    let app = serve(Some(POLICY));
    let host = load(&artifact(Some(POLICY)));
    let outcome = |word: &str| {
        format!("underwrite_outcomes_total{{model=\"loans\",version=\"1.0.0\",outcome=\"{word}\"}}")
    };
    let rule = |code: &str| {
        format!("underwrite_rules_total{{model=\"loans\",version=\"1.0.0\",code=\"{code}\"}}")
    };
    for word in OUTCOMES {
        assert_eq!(metric(&app, &outcome(word)).await, Some(0));
    }
    for row in rows().as_array().unwrap() {
        let body = row.to_string();
        let own = host.decide(body.as_bytes()).unwrap();
        let answer = predict(&app, body).await;
        let shared = own.body.len() - 1;
        assert_eq!(answer.body[..shared], own.body[..shared]);
    }
    for word in OUTCOMES {
        assert_eq!(metric(&app, &outcome(word)).await, Some(1), "{word}");
    }
    // The same in a batch, and a refused row is none.
    let mut batch = rows();
    batch.as_array_mut().unwrap().push(json!({}));
    let answers = post(&app, "/predict/batch", &batch).await;
    for (nth, word) in OUTCOMES.iter().enumerate() {
        assert_eq!(answers[nth]["outcome"], *word);
        assert_eq!(metric(&app, &outcome(word)).await, Some(2), "{word}");
    }
    for (code, count) in [
        ("K01", Some(2)),
        ("A01", Some(2)),
        ("K02", Some(2)),
        ("X", None),
    ] {
        assert_eq!(metric(&app, &rule(code)).await, count, "{code}");
    }
}

#[tokio::test]
async fn csv_gets_the_outcome_and_the_rules_last() {
    let csv = "income,amount\n50000,4000\n50000,20000\n10000,60000\n50000,\n";
    let ask = async |app: &Router| {
        let headers = [("content-type", "text/csv")];
        let answer = send(app, "POST", "/predict/batch", &headers, csv).await;
        assert_eq!(answer.status, 200);
        let text = answer.text().to_owned();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let head = "prediction,prediction_label,approve,probability,detail,outcome";
    let lines = ask(&serve(Some(POLICY))).await;
    let last = "adjustments,model_version";
    assert_eq!(lines[0], format!("{head},rules,{last}"));
    for nth in 0..3 {
        let end = format!(",0.5,,{},{},,1.0.0", OUTCOMES[nth], RULES[nth]);
        assert!(lines[nth + 1].ends_with(&end), "{}", lines[nth + 1]);
    }
    assert!(
        lines[4].starts_with(",,,,") && lines[4].ends_with(",,,,1.0.0"),
        "{}",
        lines[4]
    );
    let lines = ask(&serve(None)).await;
    assert_eq!(lines[0], format!("{head},{last}"));
    assert!(lines[1].ends_with(",0.5,,approve,,1.0.0"), "{}", lines[1]);
}

#[tokio::test]
async fn the_inference_protocol_has_outcome_and_rules() {
    let inputs = json!([
        { "name": "income", "shape": [3], "datatype": "FP64", "data": [50000, 50000, 10000] },
        { "name": "amount", "shape": [3], "datatype": "FP64", "data": [4000, 20000, 60000] },
    ]);
    let path = "/v2/models/loans/infer";
    let names = |answer: &Value| -> Vec<String> {
        let outputs = answer["outputs"].as_array().unwrap();
        let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
        outputs.iter().map(name).collect()
    };
    let app = serve(Some(POLICY));
    let usual = post(&app, path, &json!({ "inputs": inputs })).await;
    assert_eq!(
        names(&usual),
        ["prediction", "probability", "label", "outcome"]
    );
    assert_eq!(usual["outputs"][3]["datatype"], "BYTES");
    assert_eq!(usual["outputs"][3]["data"], json!(OUTCOMES));
    let named =
        json!({ "inputs": inputs, "outputs": [{ "name": "rules" }, { "name": "outcome" }] });
    let answer = post(&app, path, &named).await;
    assert_eq!(answer["outputs"][0]["data"], json!(RULES));
    let plain = serve(None);
    let usual = post(&plain, path, &json!({ "inputs": inputs })).await;
    assert_eq!(names(&usual), ["prediction", "probability", "label"]);
    let answer = post(&plain, path, &named).await;
    assert_eq!(answer["outputs"][0]["data"], json!(["", "", ""]));
    assert_eq!(
        answer["outputs"][1]["data"],
        json!(["approve", "approve", "approve"])
    );
}

/// A binary tensor of one row in the order of the inputs.
async fn infer(app: &Router, row: [f64; 3]) -> Answer {
    let head = json!({ "inputs": [{ "name": "x", "shape": [1, 3], "datatype": "FP64",
        "parameters": { "binary_data_size": 24 } }] });
    let head = head.to_string();
    let length = head.len().to_string();
    let headers = [("inference-header-content-length", length.as_str())];
    let bytes = row.iter().flat_map(|number| number.to_le_bytes());
    let body: Vec<u8> = head.into_bytes().into_iter().chain(bytes).collect();
    send(app, "POST", "/v2/models/loans/infer", &headers, body).await
}

#[tokio::test]
async fn no_number_in_a_tensor_computes_a_derived_field_and_no_other() {
    let app = serve(Some(POLICY));
    let answer = json(&infer(&app, [50000.0, 4000.0, f64::NAN]).await);
    assert_eq!(answer["outputs"][3]["data"], json!(["approve"]));
    for (row, name) in [
        ([f64::NAN, 4000.0, 0.08], "income"),
        ([50000.0, 4000.0, f64::INFINITY], "share"),
    ] {
        let answer = infer(&app, row).await;
        assert_eq!(answer.status, 400);
        let expected = format!("row 0: {name}: Input should be a finite number");
        assert!(answer.text().contains(&expected), "{}", answer.text());
    }
    let columns: Vec<f64> = vec![50000.0, 4000.0, f64::NAN];
    let batch = load(&artifact(Some(POLICY))).batch(&columns, 1).unwrap();
    assert_eq!((batch.probabilities, batch.refused), (vec![0.5], 0));
}

#[tokio::test]
async fn lists_of_predictions_may_ask_for_the_outcome() {
    let app = serve(Some(POLICY));
    let expected = json!({ "predictions": [
        { "prediction": 1, "outcome": "approve", "rules": ["A01"] },
        { "prediction": 0, "outcome": "refer", "rules": [] },
        { "prediction": 0, "outcome": "decline", "rules": ["K01", "K02"] },
    ]});
    let mlflow = json!({ "dataframe_records": rows(), "params": { "outcome": true } });
    assert_eq!(post(&app, "/invocations", &mlflow).await, expected);
    let v1 = json!({ "instances": rows(), "parameters": { "outcome": true } });
    assert_eq!(post(&app, "/v1/models/loans:predict", &v1).await, expected);
    let usual = json!({ "predictions": [1, 0, 0] });
    let mlflow = json!({ "dataframe_records": rows() });
    assert_eq!(post(&app, "/invocations", &mlflow).await, usual);
    let v1 = json!({ "instances": rows() });
    assert_eq!(post(&app, "/v1/models/loans:predict", &v1).await, usual);
    let params = json!({ "outcome": true, "output": "probability" });
    let mlflow = json!({ "dataframe_records": rows(), "params": params });
    let answer = post(&serve(None), "/invocations", &mlflow).await;
    let first = json!({ "probability": 0.5, "outcome": "approve" });
    assert_eq!(answer["predictions"][0], first);
}

#[tokio::test]
async fn openapi_lists_what_means_missing() {
    let mut artifact = artifact(None);
    artifact.schema.missing_values =
        vec!["NA".to_owned(), "-9".to_owned(), "-9.0".to_owned()].into();
    let app = app(App::new(load(&artifact)));
    let api = json(&get(&app, "/openapi.json", &[]).await);
    let fields = &api["components"]["schemas"]["Application"]["properties"];
    for form in [
        json!({ "type": "null" }),
        json!({ "type": "string", "enum": ["", "NA", "-9", "-9.0"] }),
        json!({ "type": "number", "format": "double", "enum": [-9] }),
    ] {
        let forms = fields["income"]["anyOf"].as_array().unwrap();
        assert!(forms.contains(&form), "{form} in {forms:?}");
    }
    // It must not be missing.
    assert_eq!(fields["amount"]["type"], "number");
    for missing in [json!(null), json!(""), json!("NA"), json!("-9"), json!(-9)] {
        let body = json!({ "income": missing, "amount": 10 }).to_string();
        let answer = json(&predict(&app, body).await);
        assert_eq!(answer["adjustments"][0]["kind"], "missing", "{answer}");
    }
}

#[tokio::test]
async fn openapi_describes_policy_and_derived_fields() {
    let api = json(&get(&serve(Some(POLICY)), "/openapi.json", &[]).await);
    let schemas = &api["components"]["schemas"];
    let application = &schemas["Application"];
    assert_eq!(application["required"], json!(["amount"]));
    let share = application["properties"]["share"]["description"]
        .as_str()
        .unwrap();
    assert!(
        share.contains("`amount / income`, rounded to 2 decimals"),
        "{share}"
    );
    let decision = &schemas["Decision"]["properties"];
    assert_eq!(decision["outcome"]["enum"], json!(OUTCOMES));
    assert_eq!(
        decision["rules"]["items"]["enum"],
        json!(["K01", "A01", "K02"])
    );
    let rules = decision["rules"]["description"].as_str().unwrap();
    assert!(
        rules.contains("- `K01` (decline): Income is below the minimum"),
        "{rules}"
    );
    let policy = decision["policy"]["description"].as_str().unwrap();
    assert!(
        policy.contains("`2026-11`") && policy.contains("from 0.4 to below 0.6"),
        "{policy}"
    );
    let required = schemas["Decision"]["required"].as_array().unwrap();
    for name in ["outcome", "model_prediction", "policy", "rules"] {
        assert!(required.contains(&json!(name)), "{name}");
    }
    let api = json(&get(&serve(None), "/openapi.json", &[]).await);
    let decision = &api["components"]["schemas"]["Decision"]["properties"];
    assert_eq!(decision["outcome"]["enum"], json!(OUTCOMES));
    assert_eq!(decision["rules"], Value::Null);
}

#[tokio::test]
async fn a_shadow_is_compared_by_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("loans");
    // The same predictions, 0, of a referral and of a decline.
    let strict = POLICY.replace("amount > 50000", "amount > 10000");
    for (version, policy) in [("1.0.0", POLICY), ("1.1.0", strict.as_str())] {
        let mut artifact = artifact(Some(policy));
        artifact.golden_rows.clear();
        fs::create_dir_all(model.join(version)).unwrap();
        fs::write(model.join(version).join("model.wasm"), packed(&artifact)).unwrap();
    }
    let deployment = "version = \"1.0.0\"\n[challenger]\nversion = \"1.1.0\"\n";
    fs::write(model.join("deployment.toml"), deployment).unwrap();
    let source = ModelSource::Folder(folder.path().to_owned());
    let options = ServeOptions {
        allow_mismatch: true,
        ..ServeOptions::new(source)
    };
    let app = app(App::open(options).unwrap());
    for row in rows().as_array().unwrap() {
        assert_eq!(predict(&app, row.to_string()).await.status, 200);
    }
    let labels = "model=\"loans\",version=\"1.1.0\"";
    let compared =
        |result: &str| format!("underwrite_shadow_total{{{labels},result=\"{result}\"}}");
    for _ in 0..100 {
        if metric(&app, &compared("agreed")).await == Some(2) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(metric(&app, &compared("agreed")).await, Some(2));
    assert_eq!(metric(&app, &compared("disagreed")).await, Some(1));
    let pair = "champion=\"refer\",challenger=\"decline\"";
    let pair = format!("underwrite_shadow_outcomes_total{{{labels},{pair}}}");
    assert_eq!(metric(&app, &pair).await, Some(1));
}

/// Rules may name the gender; they leave the age alone, and the name of the other is written with
/// what has to be escaped.
#[tokio::test]
async fn openapi_says_which_protected_fields_may_decide() {
    const PROTECTED: &str = r#"
[[feature]]
name = "gender"
type = "category"
categories = ["f", "m"]
role = "protected"

[[feature]]
name = "age"
type = "integer"
role = "protected"

[[feature]]
name = 'a `b\c'
type = "boolean"
role = "protected"
"#;
    const RULE: &str = r#"
[[rule]]
id = "gender"
when = 'gender == "f" or `a \`b\\c`'
then = "decline"
code = "G01"
text = "No"
if_missing = "skip"
"#;
    let schema = format!("{SCHEMA}{PROTECTED}");
    let properties = async |policy: &str| {
        let mut artifact = models::constant(&schema, 0.5);
        let file = Policy::from_toml(policy, &artifact.schema, &["en".into()]);
        artifact.policy = Some(file.unwrap().policy);
        let app = app(App::new(load(&artifact)));
        let api = json(&get(&app, "/openapi.json", &[]).await);
        api["components"]["schemas"]["Application"]["properties"].clone()
    };
    let says = |property: &Value| property["description"].as_str().unwrap().to_owned();

    let allowed = POLICY.replace("refer =", "allow_protected = true\nrefer =") + RULE;
    let allowed = properties(&allowed).await;
    for (name, may_decide) in [("gender", true), ("age", false), ("a `b\\c", true)] {
        let said = says(&allowed[name]);
        assert_eq!(
            said.contains("rules of the policy may decide by it"),
            may_decide,
            "{said}"
        );
        assert_eq!(said.contains("Never used to decide"), !may_decide, "{said}");
    }
    // What the module refuses of each, and what it takes for missing.
    let forms = |name: &str| allowed[name]["anyOf"].as_array().unwrap().clone();
    assert_eq!(
        forms("gender")[0],
        json!({ "type": "string", "enum": ["f", "m"] })
    );
    assert_eq!(forms("age")[0]["type"], "integer");
    assert_eq!(forms("a `b\\c")[0]["type"], "boolean");
    for name in ["gender", "age", "a `b\\c"] {
        assert!(forms(name).contains(&json!({ "type": "null" })), "{name}");
    }

    let without = properties(POLICY).await;
    for name in ["gender", "age", "a `b\\c"] {
        assert!(says(&without[name]).contains("Never used to decide"));
        assert_eq!(without[name].as_object().unwrap().len(), 1, "{name}");
    }
}

/// Applications as lines; `share` is given where `is_given`.
fn applications(is_given: bool) -> Vec<Value> {
    let row = |nth: u32| {
        let (income, amount) = (20_000 + 500 * nth, 1_000 + 90 * nth);
        let mut row = json!({ "income": income, "amount": amount });
        if is_given {
            row["share"] = json!((f64::from(amount) / f64::from(income) * 100.0).round() / 100.0);
        }
        row
    };
    (0..100).map(row).collect()
}

fn sketch_of(artifact: &Artifact, rows: &[Value]) -> Vec<u8> {
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    let mut out = Vec::new();
    let mut decider = models::decider(artifact);
    let status = answer_batch(&mut decider, lines.join("\n").as_bytes(), &mut out);
    assert_eq!(status, 200);
    out
}

/// A model that carries a sketch of its training rows.
fn monitored(policy: &str) -> Artifact {
    let mut artifact = artifact(Some(policy));
    let details = Details {
        reference: sketch_of(&artifact, &applications(true)),
        ..Details::default()
    };
    artifact.details = details.to_bytes().unwrap();
    artifact
}

/// What came since the last minute was once not in the window of the same model with another policy.
#[tokio::test]
async fn a_policy_that_is_replaced_in_place_keeps_the_drift_window() {
    let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = folder.path().join("loans/1.0.0");
    fs::create_dir_all(&place).unwrap();
    let write = |policy: &str| {
        let mut artifact = monitored(policy);
        artifact.golden_rows.clear();
        fs::write(place.join("aside"), packed(&artifact)).unwrap();
        fs::rename(place.join("aside"), place.join("model.wasm")).unwrap();
    };
    write(POLICY);
    let options = ServeOptions {
        allow_mismatch: true,
        keys: vec![Key::new("chief", Role::Admin)],
        drift: Some(DriftOptions {
            state: Some(state.path().to_owned()),
            ..DriftOptions::default()
        }),
        ..ServeOptions::new(ModelSource::Folder(folder.path().to_owned()))
    };
    let app = app(App::open(options).unwrap());
    let batch = json!(applications(true)).to_string();
    send(&app, "POST", "/predict/batch", &[], batch).await;
    let rows = async || json(&get(&app, "/drift", &[]).await)["window"]["rows"].clone();
    assert_eq!(rows().await, 100);
    write(&POLICY.replace("amount > 50000", "amount > 10000"));
    let key = [("x-api-key", "chief")];
    let reload = send(&app, "POST", "/models/loans/reload", &key, "").await;
    assert_eq!(json(&reload)["loaded"][0], "1.0.0");
    assert_eq!(rows().await, 100);
}

#[tokio::test]
async fn the_drift_window_counts_a_derived_field_as_computed_or_as_given() {
    let artifact = monitored(POLICY);
    let share = async |rows: &[Value]| {
        let app = app(App::new(load(&artifact)));
        send(&app, "POST", "/predict/batch", &[], json!(rows).to_string()).await;
        let answer = get(&app, "/drift/sketch", &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let sketch = Sketch::decode(&answer.body).unwrap();
        sketch.column("share").unwrap().clone()
    };
    let given = share(&applications(true)).await;
    let computed = share(&applications(false)).await;
    assert_eq!((given.valid(), given.missing), (100, 0));
    assert_eq!(computed, given);

    // Given values count as they came, though the model uses others.
    let mut odd = applications(true);
    odd.iter_mut().for_each(|row| row["share"] = json!(0.9));
    assert_ne!(share(&odd).await, given);

    // As the module counts: computed of what was filled in and clamped; missing where the
    // request was refused.
    let mut rows = applications(false);
    rows[0] = json!({ "amount": 4000 });
    rows[1] = json!({ "income": 900_000, "amount": 4000 });
    rows[2] = json!({ "income": 40_000 });
    let found = share(&rows).await;
    let own = Sketch::decode(&sketch_of(&artifact, &rows)).unwrap();
    let own = own.column("share").unwrap();
    assert_eq!((own.valid(), own.missing), (99, 1));
    assert_eq!((found.valid(), found.missing), (99, 1));
}
