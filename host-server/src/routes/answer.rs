//! Answers that may be long, in the memory that all answers share.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::http::error::ApiError;
use crate::record::Written;

/// The header that says where an answer is recorded.
pub(super) const RECEIPT: HeaderName = HeaderName::from_static("x-decision-log");

/// A value as JSON.
pub(super) fn held_json(app: &App, value: &impl Serialize) -> Result<Response, ApiError> {
    // Numbers and texts always serialize.
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let body = Body::from(held(app, bytes)?);
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// Bytes that claim their memory until the client has taken them.
pub(super) fn held(app: &App, bytes: Vec<u8>) -> Result<Bytes, ApiError> {
    let mut claim = app.admission().memory().claim();
    claim.cover(bytes.len()).map_err(|full| app.reject(full))?;
    Ok(claim.hold(bytes))
}

/// The header that says where the answer is recorded.
pub(super) fn receipt(response: &mut Response, written: Option<Written>) {
    if let Some(written) = written {
        response.headers_mut().insert(RECEIPT, written.header());
    }
}
