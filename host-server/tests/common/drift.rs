//! Traffic like the training rows of the real model, and its drift.

use std::path::Path;

use axum::Router;
use host_server::{App, DriftOptions, ModelSource, ServeOptions, app};
use model_core::artifact::Artifact;
use model_core::details::Details;
use model_core::model_file::ModelFile;
use model_drift::live::{Length, Window};
use model_drift::sketch::{Column, Role as ColumnRole, Sketch, Values};
use serde_json::{Map, Value, json};

use super::{Answer, get, real_model, send};

/// A window of so many requests in all.
pub(crate) fn rows(rows: u64, panes: usize) -> Window {
    Window {
        length: Length::Rows(rows / panes as u64),
        panes,
    }
}

pub(crate) fn options(window: Window, state: Option<&Path>) -> ServeOptions {
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

pub(crate) fn serve(window: Window) -> Router {
    app(App::open(options(window, None)).unwrap())
}

/// The artifact, and the sketch of the training rows.
pub(crate) fn training() -> (Artifact, Sketch) {
    let host = real_model();
    let file = ModelFile::open(host.wasm()).unwrap();
    let artifact = Artifact::decode(file.artifact()).unwrap();
    let reference = Details::from_artifact(&artifact).unwrap().reference;
    (artifact, Sketch::decode(&reference).unwrap())
}

/// Values of a column, as many of each as the training rows have, in an order that has
/// nothing to do with the other columns.
pub(crate) fn values(column: &Column, count: usize, turn: usize) -> Vec<Value> {
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
pub(crate) fn requests(count: usize) -> Vec<Map<String, Value>> {
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

pub(crate) async fn batch(app: &Router, rows: &[Map<String, Value>]) -> Answer {
    let body = serde_json::to_vec(rows).unwrap();
    send(app, "POST", "/predict/batch", &[], body).await
}

pub(crate) fn json(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

pub(crate) async fn drift(app: &Router) -> Value {
    json(&get(app, "/drift", &[]).await)
}
