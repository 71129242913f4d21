//! Refusals of the host itself, in FastAPI's envelope: `{"detail": "…"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::request_id::RequestId;

/// An answer that is not the module's.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// No such path.
    NotFound,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// The client says that the body is something else than JSON.
    NotJson { content_type: String },
    /// The connection broke off inside the body.
    BodyCutOff,
    /// A fault of the server, logged where it happened.
    Fault { id: RequestId },
}

#[derive(Serialize)]
struct Envelope {
    detail: String,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, detail) = self.answer();
        (status, Json(Envelope { detail })).into_response()
    }
}

impl ApiError {
    fn answer(self) -> (StatusCode, String) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "Not Found".to_owned()),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "Method Not Allowed".to_owned(),
            ),
            Self::NotJson { content_type } => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!(
                    "The body is said to be `{content_type}`, expected JSON: send `content-type: application/json`, or none"
                ),
            ),
            Self::BodyCutOff => (
                StatusCode::BAD_REQUEST,
                "The body ended before its end: send it again".to_owned(),
            ),
            Self::Fault { id } => (
                StatusCode::INTERNAL_SERVER_ERROR,
                format!(
                    "The model failed on this request; the server has logged it as {}",
                    id.as_str()
                ),
            ),
        }
    }
}
