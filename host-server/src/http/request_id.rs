//! An id for each request, in the answer and in the log.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use model_http::request_id;
use uuid::Uuid;

/// The header that carries it, both ways.
pub(crate) const HEADER: HeaderName = HeaderName::from_static(request_id::HEADER);

/// A [valid](request_id::is_valid) id: safe in a header, in JSON and in a log line.
#[derive(Debug, Clone)]
pub(crate) struct RequestId {
    value: HeaderValue,
    /// Whether it is the client's.
    is_given: bool,
}

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        self.value.to_str().unwrap_or_default()
    }

    /// The id if it is the client's, which sends the same one when it asks again.
    pub(crate) fn given(&self) -> Option<&str> {
        self.is_given.then(|| self.as_str())
    }

    /// The id where it is a UUID, as those are that a server gives: what else a client calls its
    /// request is free text.
    pub(crate) fn as_uuid(&self) -> Option<&str> {
        const DASHED: usize = 36;
        let id = self.as_str();
        (id.len() == DASHED && Uuid::try_parse(id).is_ok()).then_some(id)
    }

    /// The client's where it is valid, else a new one (UUID, version 7).
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        match headers.get(HEADER) {
            Some(id) if request_id::is_valid(id.as_bytes()) => Self {
                value: id.clone(),
                is_given: true,
            },
            _ => Self::new(),
        }
    }

    /// Puts it on an answer.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert(HEADER, self.value);
    }

    fn new() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
        // Digits and dashes are always valid in a header.
        let value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("0"));
        Self {
            value,
            is_given: false,
        }
    }
}
