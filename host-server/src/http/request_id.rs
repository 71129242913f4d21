//! A name for each request, in the answer and in the log.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it, both ways.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 64;

/// 1 to 64 characters of `A-Z a-z 0-9 . _ -`: safe in a header, in JSON and in a log line.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The client's, when it is sane; else a new one (UUID, version 7).
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match headers.get(HEADER) {
            Some(id) if is_sane(id.as_bytes()) => Self(id.clone()),
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
        // Digits and dashes are sound in a header.
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("0")))
    }
}

fn is_sane(id: &[u8]) -> bool {
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=LONGEST).contains(&id.len()) && id.iter().all(known)
}
