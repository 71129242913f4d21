//! Answers to requests that no handler completes.

use std::any::Any;

use axum::Json;
use axum::body::Bytes;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::body::drain;

/// Answers a request whose body no handler reads.
pub(crate) async fn refuse<B>(body: B, refusal: impl IntoResponse) -> Response
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let drained = drain(body).await;
    let mut response = refusal.into_response();
    if !drained {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// Answers for a handler that panicked: the client gets a 500, other requests are unaffected.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // The panic hook has already logged the message.
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        Json(json!({ "detail": "Internal Server Error" })),
    )
        .into_response()
}
