//! The refusals that all hosts share, in FastAPI's envelope: `{"detail": "…"}`.

use serde::Serialize;

/// An answer that is not the module's: the request did not reach it, or it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// 404: there is no such route.
    NotFound,
    /// 401: the key is missing, or not known.
    Unauthorized,
    /// 405: the route does not have the method.
    MethodNotAllowed,
    /// 415: the client declares a body that is not JSON.
    NotJson {
        /// The client's `content-type`.
        content_type: String,
        /// The media type to send instead.
        expected: &'static str,
    },
    /// 415: the client declares a packed body where none is taken, or another packing.
    NotPlain {
        /// The client's `content-encoding`.
        encoding: String,
        /// What is taken.
        expected: &'static str,
    },
    /// 400: the connection ended inside the body.
    BodyTruncated,
    /// 500: the module or the host failed. The reason is in the log, under the request's id.
    Fault {
        /// The request's id.
        request_id: String,
    },
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::BodyTruncated => 400,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotJson { .. } | Self::NotPlain { .. } => 415,
            Self::Fault { .. } => 500,
        }
    }

    /// The sentence that the client reads.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            // FastAPI's texts, which clients of the old services know.
            Self::NotFound => "Not Found".to_owned(),
            // The first service's text, which its clients know.
            Self::Unauthorized => "Invalid or missing x-api-key header".to_owned(),
            Self::MethodNotAllowed => "Method Not Allowed".to_owned(),
            Self::NotJson {
                content_type,
                expected,
            } => format!(
                "The content type is `{content_type}`, expected JSON; send `content-type: {expected}` or none"
            ),
            Self::NotPlain { encoding, expected } => {
                format!("The content encoding is `{encoding}`, expected {expected}")
            }
            Self::BodyTruncated => "The request body was truncated; send it again".to_owned(),
            Self::Fault { request_id } => format!(
                "The model failed on this request; the server logged the reason under request id {request_id}"
            ),
        }
    }

    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        detail_json(&self.detail())
    }
}

/// The body of a refusal: `{"detail": "…"}`.
#[must_use]
pub fn detail_json(detail: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Envelope<'a> {
        detail: &'a str,
    }
    // A struct of one text always serializes.
    serde_json::to_vec(&Envelope { detail }).unwrap_or_default()
}
