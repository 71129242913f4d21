//! Refusals in the form of the Open Inference Protocol: `{"error": "…"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::error::ApiError;

/// The protocol's form of an error.
pub(crate) struct OipError {
    status: StatusCode,
    error: String,
}

impl OipError {
    pub(crate) fn bad(error: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: error.into(),
        }
    }
}

impl From<ApiError> for OipError {
    fn from(error: ApiError) -> Self {
        Self {
            status: error.status(),
            error: error.detail(),
        }
    }
}

impl IntoResponse for OipError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error }))).into_response()
    }
}
