//! Answers to requests that no handler completes.

use std::any::Any;

use axum::Json;
use axum::body::Bytes;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::body::drain;

/// Answers a request whose body no handler reads. A client that waits to be told to go on is not:
/// it hears why at once.
pub(crate) async fn refuse<B>(request: Request<B>, refusal: impl IntoResponse) -> Response
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let waits = request.headers().contains_key(EXPECT);
    let drained = !waits && drain(request.into_body()).await;
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
