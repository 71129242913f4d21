//! A stand-in for `model.wasm`, for what a real one cannot be made to do: hang, trap,
//! eat memory, lie. Its changes are replacements in its text.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses its part, and a test may panic"
)]

pub(crate) mod drift;
pub(crate) mod models;
pub(crate) mod running;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use host_server::{App, Limits, ModelHost, app};
use http_body_util::BodyExt;
use model_core::model_file;
use tower::ServiceExt;

/// Answers 200 with [`ANSWER`], except: a body that begins with `l` loops for ever, `m`
/// grows memory until it cannot, `t` traps, `o` answers from outside its memory, `s`
/// has status 418, `x` is no JSON; `5` is refused with 422.
pub(crate) const STAND_IN: &str = include_str!("stand_in.wat");

/// What the stand-in decides.
pub(crate) const ANSWER: &str = r#"{"prediction":1,"approve":true}"#;

/// What the stand-in carries as `model.js`.
pub(crate) const GLUE: &[u8] = b"export default 1;";

/// The stand-in as a sealed file, each `(from, to)` replaced.
pub(crate) fn stand_in(changes: &[(&str, &str)]) -> Vec<u8> {
    let text = changes
        .iter()
        .fold(STAND_IN.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "the stand-in has no `{from}`");
            text.replace(from, to)
        });
    sealed(&text)
}

/// WebAssembly text as a file with glue and seal.
pub(crate) fn sealed(text: &str) -> Vec<u8> {
    let mut file = wat::parse_str(text).unwrap();
    let name = model_file::GLUE_SECTION;
    let length = 1 + name.len() + GLUE.len();
    file.extend([
        0,
        u8::try_from(length).unwrap(),
        u8::try_from(name.len()).unwrap(),
    ]);
    file.extend_from_slice(name.as_bytes());
    file.extend_from_slice(GLUE);
    model_file::seal(&mut file, 8, 0);
    file
}

/// Tight limits: 8 MiB, and 300 ms for a decision.
pub(crate) fn limits() -> Limits {
    Limits {
        memory_bytes: 8 << 20,
        decide: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// The service over the unchanged stand-in.
pub(crate) fn stand_in_app() -> Router {
    app(App::new(ModelHost::load(stand_in(&[]), limits()).unwrap()))
}

/// The model named by `UNDERWRITE_TEST_MODEL`, loaded.
pub(crate) fn real_model() -> ModelHost {
    let path = std::env::var_os("UNDERWRITE_TEST_MODEL").unwrap_or_else(|| {
        panic!("UNDERWRITE_TEST_MODEL is not set: run `cargo xtask test`, or set it to the path of a model.wasm")
    });
    ModelHost::open(path, Limits::default()).unwrap()
}

/// The service over the real model, and the model's own answers to compare with.
pub(crate) fn real_app() -> (Router, Arc<ModelHost>) {
    (app(App::new(real_model())), Arc::new(real_model()))
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Sends one request: `headers` as `(name, value)`.
pub(crate) async fn send(
    app: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let request = headers
        .iter()
        .fold(
            Request::builder().method(method).uri(path),
            |request, (name, value)| request.header(*name, *value),
        )
        .body(body.into())
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

pub(crate) async fn get(app: &Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(app, "GET", path, headers, Body::empty()).await
}

pub(crate) async fn predict(app: &Router, body: impl Into<Body>) -> Answer {
    send(
        app,
        "POST",
        "/predict",
        &[("content-type", "application/json")],
        body,
    )
    .await
}
