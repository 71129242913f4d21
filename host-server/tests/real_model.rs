//! The real `model.wasm` (UNDERWRITE_TEST_MODEL) in this host.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use axum::body::Body;
use common::{get, predict, real_app, real_model};
use host_server::ModelHost;
use serde_json::{Map, Value};

/// An application made of the schema's own examples, first categories and lower bounds.
fn application(host: &ModelHost) -> Map<String, Value> {
    let description: Value = serde_json::from_slice(host.description_json()).unwrap();
    let features = description["features"].as_array().unwrap();
    features
        .iter()
        .filter(|feature| feature["role"] == "input")
        .map(|feature| {
            let candidates = [
                &feature["example"],
                &feature["categories"][0]["value"],
                &feature["imputed"],
                &feature["minimum"],
            ];
            let value = candidates.into_iter().find(|value| !value.is_null());
            let name = feature["name"].as_str().unwrap().to_owned();
            (name, value.cloned().unwrap_or(Value::from(1)))
        })
        .collect()
}

fn body(host: &ModelHost) -> Vec<u8> {
    serde_json::to_vec(&application(host)).unwrap()
}

#[test]
fn describes_itself_as_the_abi_says() {
    let host = real_model();
    let description: Value = serde_json::from_slice(host.description_json()).unwrap();
    assert_eq!(description["abi"], 1);
    let model = &host.description().model;
    let digest = model.digest.strip_prefix("sha256:").unwrap();
    assert_eq!(digest.len(), 64);
    assert!(!model.name.is_empty() && !model.version.is_empty());
    assert!(host.description().inputs().count() > 0);
    assert!(!host.glue().is_empty());
}

#[test]
fn the_same_request_gives_the_same_bytes_in_a_warm_and_in_a_new_instance() {
    let (first, second) = (real_model(), real_model());
    let body = body(&first);
    let answer = first.decide(&body).unwrap();
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    first.decide(b"{").unwrap();
    first.decide(&vec![b'['; 2 << 20]).unwrap();
    assert_eq!(first.decide(&body).unwrap(), answer);
    assert_eq!(second.decide(&body).unwrap(), answer);
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        json["model"]["digest"],
        first.description().model.digest.as_str()
    );
}

/// An object in an object, so many times.
fn nested(levels: usize) -> Vec<u8> {
    [
        b"{\"person_income\":".repeat(levels),
        b"1".to_vec(),
        b"}".repeat(levels),
    ]
    .concat()
}

#[test]
fn bad_input_is_an_answer() {
    let host = real_model();
    for (body, status) in [
        (&b""[..], 422),
        (b"{", 422),
        (b"[]", 422),
        (b"\xff", 422),
        (b"null", 422),
        (b"{\"person_income\":NaN}", 422),
        (b"{\"person_income\":1e999}", 422),
        (b"{\"person_income\":1,\"person_income\":2}", 422),
        (b"{\"person_education\":\"\xc3\x28\"}", 422),
        (&nested(10_000), 422),
        (&vec![b'['; 1 << 20], 422),
        (&vec![b' '; (1 << 20) + 1], 413),
        (&vec![b'"'; 10 << 20], 413),
    ] {
        let answer = host.decide(body).unwrap();
        assert_eq!(answer.status, status, "{:?}", &body[..body.len().min(8)]);
        let json: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(!json["detail"].is_null());
    }
}

#[test]
fn a_batch_gives_the_probability_of_the_single_decision() {
    let host = real_model();
    let application = application(&host);
    let description: Value = serde_json::from_slice(host.description_json()).unwrap();
    let row = description["features"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|feature| {
            let value = application.get(feature["name"].as_str()?)?;
            Some(match value {
                Value::Bool(flag) => f64::from(u8::from(*flag)),
                Value::String(text) => {
                    let categories = feature["categories"].as_array()?;
                    let index = categories
                        .iter()
                        .position(|one| one["value"] == text.as_str())?;
                    f64::from(u32::try_from(index).ok()?)
                }
                number => number.as_f64()?,
            })
        });
    let columns: Vec<f64> = row.flat_map(|value| [value; 3]).collect();
    let batch = host.batch(&columns, 3).unwrap();
    let answer = host.decide(&body(&host)).unwrap();
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    let probability = json["probability"].as_f64().unwrap();
    assert_eq!(batch.probabilities, [probability; 3]);
    assert_eq!(batch.refused, 0);
}

#[test]
fn many_threads_get_the_same_answer() {
    let host = Arc::new(real_model());
    let body = body(&host);
    let answer = host.decide(&body).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert_eq!(host.decide(&body).unwrap(), answer);
                }
            });
        }
    });
}

#[tokio::test]
async fn over_http_it_is_the_modules_answer_and_two_fields() {
    let (app, host) = real_app();
    let body = body(&host);
    let own = host.decide(&body).unwrap();
    let answer = predict(&app, body).await;
    assert_eq!(answer.status, own.status);
    let shared = own.body.len() - 1;
    assert_eq!(answer.body[..shared], own.body[..shared]);
    assert!(answer.text()[shared..].starts_with(",\"latency_seconds\":"));

    let own = host.decide(b"{\"no_such_feature\":1}").unwrap();
    let answer = predict(&app, "{\"no_such_feature\":1}").await;
    assert_eq!(answer.status, own.status);
    assert_eq!(answer.body[..], own.body[..]);

    let too_long = host.decide(&vec![b' '; 2 << 20]).unwrap();
    let answer = predict(&app, Body::from(vec![b' '; 2 << 20])).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.body[..], too_long.body[..]);
}

#[tokio::test]
async fn the_files_of_the_model_are_served() {
    let (app, host) = real_app();
    let wasm = get(&app, "/model.wasm", &[]).await;
    assert_eq!(wasm.body, host.wasm());
    let glue = get(&app, "/model.js", &[]).await;
    assert!(glue.text().contains("class Model"));
    // As it lies beside model.wasm, with the types that it names.
    assert!(!glue.text().contains("model_bg.wasm"));
    assert!(
        glue.text()
            .contains("new URL('model.wasm', import.meta.url)")
    );
    let types = get(&app, "/model.d.ts", &[]).await;
    assert_eq!(
        types.body,
        host.types().expect("the file carries its types")
    );
    assert!(types.text().contains("export class Model"));
    assert!(types.text().contains("export default function init"));
}
