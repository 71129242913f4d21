//! What must hold for any bytes. A panic is a finding.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a target reports by panicking"
)]

use std::cell::RefCell;

use model_core::artifact::{Artifact, hex};
use model_core::decide::Decider;
use model_core::model_file::{GLUE_SECTION, ModelFile, SEAL_LEN};
use model_core::schema::{Feature, FeatureKind, Range, Schema};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::seeds::{EVERYTHING, constant, forest, linear};

const HEADER: usize = 52;

thread_local! {
    static MODELS: RefCell<Vec<Decider>> = RefCell::new(models());
}

/// A linear model, a forest, and one that fills in little.
fn models() -> Vec<Decider> {
    let strict = EVERYTHING.replace("missing_values", "max_adjustments = 1\nmissing_values");
    let load = |artifact: Artifact| Decider::load(&artifact.encode().unwrap()).unwrap();
    vec![
        load(linear(EVERYTHING)),
        load(forest(EVERYTHING)),
        load(linear(&strict)),
    ]
}

/// Any bytes as a request: the answer is JSON of the contract's form, says the same the
/// second time, and holds a probability when it is a 200.
pub fn request(data: &[u8]) -> String {
    MODELS.with_borrow_mut(|models| {
        let outcomes = models.iter_mut().map(|model| {
            let (mut answer, mut again) = (Vec::new(), Vec::new());
            let status = model.decide(data, &mut answer);
            assert_eq!((model.decide(data, &mut again), &again), (status, &answer));
            check_answer(status, &answer)
        });
        outcomes.collect::<Vec<_>>().join("; ")
    })
}

/// Checks an answer's form; in words what it is like.
fn check_answer(status: u16, answer: &[u8]) -> String {
    let json: Value = serde_json::from_slice(answer).unwrap();
    let detail = &json["detail"];
    match status {
        200 => {
            let probability = json["probability"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&probability), "{json}");
            let approve = probability >= json["threshold"].as_f64().unwrap();
            assert_eq!(json["approve"].as_bool(), Some(approve), "{json}");
            assert_eq!(json["prediction"].as_u64(), Some(approve.into()), "{json}");
            let changed = json["adjustments"].as_array().unwrap().iter();
            let kinds = changed.map(|one| format!("{} {}", one["feature"], one["kind"]));
            format!("200 {}", kinds.collect::<Vec<_>>().join(","))
        }
        413 => detail.as_str().unwrap().to_owned(),
        422 => {
            let problems = detail.as_array().unwrap();
            assert!((1..=100).contains(&problems.len()), "{json}");
            let mut kinds: Vec<String> = problems.iter().map(kind_of_problem).collect();
            kinds.sort();
            kinds.dedup();
            kinds.join(",")
        }
        _ => panic!("status {status}: {json}"),
    }
}

fn kind_of_problem(problem: &Value) -> String {
    let place = problem["loc"].as_array().unwrap();
    assert_eq!(place[0], "body", "{problem}");
    let field = match (place.len(), place.last()) {
        (2, Some(Value::String(field))) if EVERYTHING.contains(&**field) => field,
        (1 | 2, _) => "",
        _ => panic!("{problem}"),
    };
    let message = problem["msg"].as_str().unwrap();
    let input = problem["input"].to_string();
    assert!(!message.is_empty() && input.len() <= 64, "{problem}");
    // Errors of JSON say what was expected; the others speak of fields and values.
    let kind = problem["type"].as_str().unwrap();
    match kind {
        "json_invalid" => message.to_owned(),
        _ => format!("{kind} {field}"),
    }
}

/// Any text as a schema: refused with a line of the text, or it survives the artifact.
pub fn schema(data: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(data) else {
        return "not UTF-8".into();
    };
    let schema = match Schema::from_toml(text) {
        Ok(schema) => schema,
        Err(error) => {
            let lines = 1 + text.matches('\n').count();
            assert!((1..=lines).contains(&error.line), "{error} of {lines}");
            assert!(!error.message.is_empty());
            return plain(&error.message);
        }
    };
    schema.check().unwrap();
    let artifact = constant(schema, acceptable);
    let bytes = artifact.encode().unwrap();
    assert_eq!(Artifact::decode(&bytes).unwrap(), artifact);
    check_model(&mut Decider::load(&bytes).unwrap(), b"{}")
}

/// A value that a policy may fill in: the schema's check promises that there is one.
fn acceptable(feature: &Feature) -> f64 {
    let inside = |range: &Range, next: fn(f64, f64) -> f64| {
        let (lower, upper) = (range.lower.map(|b| b.value), range.upper.map(|b| b.value));
        let from = lower.or(upper).unwrap_or(0.0);
        let candidates = [from, next(from, 1.0), next(from, -1.0)];
        *candidates.iter().find(|x| range.contains(**x)).unwrap()
    };
    match &feature.kind {
        FeatureKind::Number(range) => inside(range, |x, direction| {
            if direction > 0.0 {
                x.next_up()
            } else {
                x.next_down()
            }
        }),
        FeatureKind::Integer(range) => inside(range, |x, direction| x + direction),
        FeatureKind::Boolean | FeatureKind::Category(_) => 0.0,
    }
}

/// Letters only: what is the same but for names and numbers is the same kind.
fn plain(message: &str) -> String {
    let mut parts = message.split(['\'', '`', '"']);
    let outside_quotes: String = parts.by_ref().step_by(2).collect();
    outside_quotes
        .chars()
        .filter(|c| c.is_ascii_alphabetic() || *c == ' ')
        .collect()
}

/// Any bytes as an artifact, as they are and with length and digest made right: refused,
/// or a sound model that is written as it was read.
pub fn artifact(data: &[u8]) -> String {
    let as_it_is = artifact_outcome(data);
    let Some((header, payload)) = data.split_at_checked(HEADER) else {
        return as_it_is;
    };
    let mut sealed = header[..12].to_vec();
    sealed.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    sealed.extend_from_slice(&Sha256::digest(payload));
    sealed.extend_from_slice(payload);
    format!("{as_it_is}; {}", artifact_outcome(&sealed))
}

fn artifact_outcome(data: &[u8]) -> String {
    let mut model = match Decider::load(data) {
        Ok(model) => model,
        Err(error) => return plain(&error.to_string()),
    };
    let bytes = model.artifact().encode().unwrap();
    let again = Artifact::decode(&bytes).unwrap();
    // Compared as bytes: a metric may be NaN.
    assert_eq!(again.encode().unwrap(), bytes);
    let request: Vec<String> = model.artifact().schema.inputs().map(example).collect();
    check_model(&mut model, format!("{{{}}}", request.join(",")).as_bytes())
}

fn example(feature: &Feature) -> String {
    let value = match &feature.kind {
        FeatureKind::Number(_) | FeatureKind::Integer(_) => "1".into(),
        FeatureKind::Boolean => "true".into(),
        FeatureKind::Category(categories) => Value::from(&*categories.values[0]).to_string(),
    };
    format!("{}:{value}", Value::from(&*feature.name))
}

/// A loaded model describes itself in JSON, decides, and says the same in a batch.
fn check_model(model: &mut Decider, request: &[u8]) -> String {
    let mut description = Vec::new();
    model.describe(&mut description);
    let description: Value = serde_json::from_slice(&description).unwrap();
    assert_eq!(description["model"]["digest"], model.digest());
    let mut answer = Vec::new();
    let status = model.decide(request, &mut answer);
    let outcome = check_answer(status, &answer);
    let values = [f64::NAN, 0.0, 1e308, -1e308];
    let mut out = [f64::NAN; 4];
    model
        .batch(&values.repeat(model.inputs()), &mut out)
        .unwrap();
    let fits = |p: &f64| *p == -1.0 || (0.0..=1.0).contains(p);
    assert!(out.iter().all(fits), "{out:?}");
    outcome
}

/// Any bytes as a `model.wasm`, as they are and with length and digest of the seal made
/// right: refused, or its parts are within the file.
pub fn model_file(data: &[u8]) -> String {
    let as_it_is = model_file_outcome(data);
    let Some(seal) = data.len().checked_sub(SEAL_LEN) else {
        return as_it_is;
    };
    let mut sealed = data.to_vec();
    sealed[seal + 35..seal + 43].copy_from_slice(&(data.len() as u64).to_le_bytes());
    let digest = Sha256::digest(&sealed[..data.len() - 32]);
    sealed[seal + 43..].copy_from_slice(&digest);
    format!("{as_it_is}; {}", model_file_outcome(&sealed))
}

fn model_file_outcome(data: &[u8]) -> String {
    match ModelFile::open(data) {
        Err(error) => plain(&error.to_string()),
        Ok(file) => {
            let glue = file.custom_section(GLUE_SECTION).map(<[u8]>::len);
            let artifact = artifact_outcome(file.artifact());
            format!("{artifact} glue {}", glue.is_some())
        }
    }
}

/// A short name for an input, by its content.
pub(super) fn fingerprint(data: &[u8]) -> String {
    hex(&Sha256::digest(data)[..6])
}
