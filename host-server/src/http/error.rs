//! Refusals of the host itself, in FastAPI's envelope: `{"detail": "…"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::authentication::Denied;
use super::request_id::RequestId;

/// An answer that is not the module's.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// No such path.
    NotFound,
    /// No such model, or no such version of it.
    NoSuchModel { name: String },
    /// What was asked for is not there; a sentence.
    NotThere { detail: String },
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// The client says that the body is something else than JSON.
    NotJson { content_type: String },
    /// The client says that the body is something that a batch cannot be.
    NotABatch { content_type: String },
    /// The connection broke off inside the body.
    BodyCutOff,
    /// The body took too long.
    BodyTimeout { seconds: u64 },
    /// The body is longer than it may be.
    BodyTooLong { limit: usize },
    /// The body is not what the route takes; a sentence.
    Malformed { detail: String },
    /// The batch has more rows than it may have.
    TooManyRows { most: usize },
    /// The body has the wrong shape; answered in pydantic's form.
    Invalid {
        r#type: &'static str,
        /// Where in the body.
        at: Option<usize>,
        msg: String,
    },
    /// The key, or the rate.
    Denied(Denied),
    /// Too many requests at once.
    Overloaded,
    /// There is no model.
    NoModel,
    /// What was asked for cannot be done now.
    Conflict { detail: String },
    /// A fault of the server, logged where it happened.
    Fault { id: RequestId },
}

#[derive(Serialize)]
struct Envelope {
    detail: String,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = match &self {
            Self::Invalid { r#type, at, msg } => {
                let mut loc = vec![json!("body")];
                loc.extend(at.map(|at| json!(at)));
                let problem = json!({ "type": r#type, "loc": loc, "msg": msg });
                (status, Json(json!({ "detail": [problem] }))).into_response()
            }
            _ => {
                let detail = self.detail();
                (status, Json(Envelope { detail })).into_response()
            }
        };
        let headers = response.headers_mut();
        match self {
            Self::Denied(Denied::TooMany { seconds }) => {
                headers.insert(RETRY_AFTER, seconds.get().into());
            }
            Self::Denied(Denied::Unknown) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Overloaded | Self::NoModel => {
                headers.insert(RETRY_AFTER, 1.into());
            }
            _ => {}
        }
        response
    }
}

impl ApiError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoSuchModel { .. } | Self::NotThere { .. } => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotJson { .. } | Self::NotABatch { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyCutOff | Self::Malformed { .. } => StatusCode::BAD_REQUEST,
            Self::BodyTimeout { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLong { .. } | Self::TooManyRows { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Denied(Denied::Unknown) => StatusCode::UNAUTHORIZED,
            Self::Denied(Denied::Forbidden | Denied::Disabled) => StatusCode::FORBIDDEN,
            Self::Denied(Denied::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::NoModel => StatusCode::SERVICE_UNAVAILABLE,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Fault { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn detail(&self) -> String {
        match self {
            Self::NotFound => "Not Found".to_owned(),
            Self::NoSuchModel { name } => {
                format!("There is no model `{name}`: GET /models lists those there are")
            }
            Self::MethodNotAllowed => "Method Not Allowed".to_owned(),
            Self::NotJson { content_type } => format!(
                "The body is said to be `{content_type}`, expected JSON: send `content-type: application/json`, or none"
            ),
            Self::NotABatch { content_type } => format!(
                "The body is said to be `{content_type}`, expected `application/json`, `application/x-ndjson` or `text/csv`"
            ),
            Self::BodyCutOff => "The body ended before its end: send it again".to_owned(),
            Self::BodyTimeout { seconds } => {
                format!("The body did not come within {seconds} s: send it faster")
            }
            Self::BodyTooLong { limit } => format!(
                "The body is over {limit} bytes: send less at once, or NDJSON, which is streamed"
            ),
            Self::TooManyRows { most } => {
                format!("The batch has more than {most} rows: send fewer at once")
            }
            Self::Invalid { msg, .. } => msg.clone(),
            Self::Malformed { detail } | Self::Conflict { detail } | Self::NotThere { detail } => {
                detail.clone()
            }
            // The first service's words.
            Self::Denied(Denied::Unknown) => "Invalid or missing x-api-key header".to_owned(),
            Self::Denied(Denied::Forbidden) => "This key may not do that".to_owned(),
            Self::Denied(Denied::Disabled) => {
                "This is switched off: the server was started without an admin key".to_owned()
            }
            Self::Denied(Denied::TooMany { seconds }) => {
                format!("Too many requests with this key: try again in {seconds} s")
            }
            Self::Overloaded => "Too many requests at once: try again in a second".to_owned(),
            Self::NoModel => "Model not loaded".to_owned(),
            Self::Fault { id } => format!(
                "The model failed on this request; the server has logged it as {}",
                id.as_str()
            ),
        }
    }
}
