//! An id for each request, in the answer and in the log.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use model_http::request_id;
use uuid::Uuid;

/// The header that carries it, both ways.
pub(crate) const HEADER: HeaderName = HeaderName::from_static(request_id::HEADER);

/// A [valid](request_id::is_valid) id: safe in a header, in JSON and in a log line.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The client's where it is valid, else a new one (UUID, version 7).
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        match headers.get(HEADER) {
            Some(id) if request_id::is_valid(id.as_bytes()) => Self(id.clone()),
            _ => Self::new(),
        }
    }

    /// Puts it on an answer.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert(HEADER, self.0);
    }

    fn new() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
        // Digits and dashes are always valid in a header.
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("0")))
    }
}
