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
use model_core::policy::Policy;
use model_core::schema::{Feature, FeatureKind, Range, Schema};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::seeds::{EVERYTHING, RULED, constant, forest, linear, ruled, ruled_cases};

const HEADER: usize = 52;

thread_local! {
    static MODELS: RefCell<Vec<Decider>> = RefCell::new(models());
    /// An artifact with rules and derived fields.
    static SOUND: Vec<u8> = ruled(linear(RULED)).encode().unwrap();
}

/// A linear model, a forest, one that fills in little, and one with rules.
fn models() -> Vec<Decider> {
    let strict = EVERYTHING.replace("missing_values", "max_adjustments = 1\nmissing_values");
    let load = |artifact: Artifact| Decider::load(&artifact.encode().unwrap()).unwrap();
    vec![
        load(linear(EVERYTHING)),
        load(forest(EVERYTHING)),
        load(linear(&strict)),
        load(ruled(linear(RULED))),
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
            let by_model = probability >= json["threshold"].as_f64().unwrap();
            let approve = check_outcome(&json, by_model);
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

/// Whether an answer approves. Without a policy that follows the threshold, and formats 1 and
/// 2 have no outcome; with one, the answer also says what the model alone predicts.
fn check_outcome(json: &Value, by_model: bool) -> bool {
    let outcome = json["outcome"].as_str();
    if json["policy"].is_null() {
        let follows = if by_model { "approve" } else { "decline" };
        assert!(outcome.is_none_or(|outcome| outcome == follows), "{json}");
        return by_model;
    }
    let model_prediction = json["model_prediction"].as_u64();
    assert_eq!(model_prediction, Some(by_model.into()), "{json}");
    assert!(json["rules"].is_array(), "{json}");
    let words = ["approve", "refer", "decline"];
    assert!(outcome.is_some_and(|word| words.contains(&word)), "{json}");
    outcome == Some("approve")
}

fn kind_of_problem(problem: &Value) -> String {
    let place = problem["loc"].as_array().unwrap();
    assert_eq!(place[0], "body", "{problem}");
    let field = match (place.len(), place.last()) {
        (2, Some(Value::String(field)))
            if EVERYTHING.contains(&**field) || RULED.contains(&**field) =>
        {
            field
        }
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

/// Any text as `policy.toml`: refused with a line and a column of the text, or it survives
/// the artifact and every decision by it is sound.
pub fn policy(data: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(data) else {
        return "not UTF-8".into();
    };
    let mut artifact = linear(RULED);
    let schema = &artifact.schema;
    let policy = match Policy::from_toml(text, schema, &schema.languages) {
        Ok(file) => file.policy,
        Err(error) => {
            let lines: Vec<&str> = text.split('\n').collect();
            assert!((1..=lines.len()).contains(&error.line), "{error}");
            let columns = lines[error.line - 1].chars().count() + 1;
            assert!((1..=columns).contains(&error.column), "{error}");
            assert!(!error.message.is_empty());
            return plain(&error.message);
        }
    };
    artifact.policy = Some(policy.clone());
    let bytes = match artifact.encode() {
        Ok(bytes) => bytes,
        // A band that does not hold the threshold.
        Err(error) => return plain(&error.to_string()),
    };
    assert_eq!(Artifact::decode(&bytes).unwrap().policy, Some(policy));
    let mut model = Decider::load(&bytes).unwrap();
    let requests = ruled_cases();
    let outcomes = requests.iter().step_by(97).map(|request| {
        let mut answer = Vec::new();
        let status = model.decide(request.as_bytes(), &mut answer);
        check_answer(status, &answer)
    });
    outcomes.collect::<Vec<_>>().join("; ")
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
    let digest = match header[8..12] {
        [3, 0, 0, 0] => sections_digest(payload),
        _ => Sha256::digest(payload).into(),
    };
    sealed.extend_from_slice(&digest);
    sealed.extend_from_slice(payload);
    format!("{as_it_is}; {}", artifact_outcome(&sealed))
}

/// The digest of format 3, written a second time: of each section's tag, length and digest.
/// What is no list of sections is refused before its digest matters.
fn sections_digest(mut payload: &[u8]) -> [u8; 32] {
    let mut list = Sha256::new();
    while let Some((head, rest)) = payload.split_first_chunk::<12>() {
        let length = u64::from_le_bytes(head[4..].try_into().unwrap());
        let length = usize::try_from(length).ok();
        let Some((bytes, rest)) = length.and_then(|length| rest.split_at_checked(length)) else {
            break;
        };
        list.update(head);
        list.update(Sha256::digest(bytes));
        payload = rest;
    }
    list.finalize().into()
}

/// Any bytes as a part of a sound artifact: the first says which part they replace, of the
/// policy or of the formulas; the rest are its content, with every length and digest made
/// right.
pub fn sections(data: &[u8]) -> String {
    let Some((choice, content)) = data.split_first() else {
        return "empty".into();
    };
    SOUND.with(|sound| {
        let payload = &sound[HEADER..];
        let new = |_: &[u8]| content.to_vec();
        let replaced = match choice % 3 {
            0 => with_part(payload, b"POLC", new),
            1 => with_part(payload, b"POLC", |old| with_part(old, b"RULE", new)),
            _ => with_part(payload, b"MODL", |old| with_part(old, b"DRVD", new)),
        };
        artifact(&[&sound[..HEADER], &replaced].concat())
    })
}

/// A list of parts with another content for one of them.
fn with_part(list: &[u8], tag: &[u8; 4], content: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), list);
    while let Some((head, behind)) = rest.split_first_chunk::<12>() {
        let length = u64::from_le_bytes(head[4..].try_into().unwrap());
        let (bytes, behind) = behind.split_at(usize::try_from(length).unwrap());
        let bytes = if head.starts_with(tag) {
            content(bytes)
        } else {
            bytes.to_vec()
        };
        out.extend_from_slice(&head[..4]);
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(&bytes);
        rest = behind;
    }
    out
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
