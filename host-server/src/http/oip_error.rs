//! Refusals in the form of the Open Inference Protocol: `{"error": "…"}`.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::error::ApiError;

/// The protocol's form of an error.
pub(crate) struct OipError {
    status: StatusCode,
    header: Option<[(HeaderName, HeaderValue); 1]>,
    error: String,
}

impl OipError {
    pub(crate) fn bad(error: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            header: None,
            error: error.into(),
        }
    }
}

impl From<ApiError> for OipError {
    fn from(error: ApiError) -> Self {
        Self {
            status: error.status(),
            header: error.header(),
            error: error.detail(),
        }
    }
}

impl IntoResponse for OipError {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.error }));
        (self.status, self.header, body).into_response()
    }
}
