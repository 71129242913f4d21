//! The server's own refusals, in FastAPI's envelope: `{"detail": "…"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use model_http::{Refusal, detail_json, media};
use serde::Serialize;
use serde_json::{Value, json};

use super::admission::Overloaded;
use super::authentication::Denied;
use super::memory::Full;
use super::request_id::RequestId;

/// An answer that is not the module's.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// A refusal that the server shares with the Worker.
    Shared(Refusal),
    /// No such model, or no such version of it.
    NoSuchModel { name: String },
    /// What was asked for does not exist; `detail` says why.
    NotThere { detail: String },
    /// The client declares a body that a batch cannot be.
    NotABatch { content_type: String },
    /// The body did not arrive in time.
    BodyTimeout { seconds: u64 },
    /// The body is longer than it may be.
    BodyTooLong { limit: usize },
    /// The body is not what the route accepts; `detail` says why.
    Malformed { detail: String },
    /// The batch has more rows than it may have.
    TooManyRows { most: usize },
    /// More rows of a batch ask for recourse than may.
    TooMuchRecourse { most: usize },
    /// The body has the wrong shape; answered in pydantic's form.
    Invalid {
        r#type: &'static str,
        /// Where in the body.
        at: Option<usize>,
        msg: String,
    },
    /// Authentication or the rate limit.
    Denied(Denied),
    /// Too many requests at once.
    Overloaded,
    /// The bodies of requests at once take too much memory.
    NoMemory,
    /// There is no model.
    NoModel,
    /// The version that a stream began with was taken back.
    TakenBack,
    /// The model's file was packed before modules could explain.
    CannotExplain,
    /// The request conflicts with the current state.
    Conflict { detail: String },
    /// A value of the body cannot be used; `detail` names its field.
    Unusable { detail: String },
    /// A text of the body is longer than it may be; `detail` names its field.
    TooLong { detail: String },
    /// What was asked for was there, and is gone for good.
    Gone { detail: String },
    /// Who asks may not do that.
    NotPermitted { detail: String },
    /// What was decided cannot be recorded, so it is not said.
    NotRecorded { reason: String },
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Shared(refusal)
    }
}

impl From<Overloaded> for ApiError {
    fn from(_: Overloaded) -> Self {
        Self::Overloaded
    }
}

impl From<Full> for ApiError {
    fn from(_: Full) -> Self {
        Self::NoMemory
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let header = self.header();
        match &self {
            Self::Invalid { r#type, at, msg } => {
                let mut loc = vec![json!("body")];
                loc.extend(at.map(|at| json!(at)));
                let detail = [Problem { r#type, loc, msg }];
                (status, header, Json(Problems { detail })).into_response()
            }
            _ => {
                let json = [(CONTENT_TYPE, media::JSON)];
                (status, header, json, detail_json(&self.detail())).into_response()
            }
        }
    }
}

/// What is wrong with the body, in the module's form.
#[derive(Serialize)]
struct Problems<'a> {
    detail: [Problem<'a>; 1],
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    loc: Vec<Value>,
    msg: &'a str,
}

impl ApiError {
    /// A fault of the server, logged under this id where it happened.
    pub(crate) fn fault(id: &RequestId) -> Self {
        Self::Shared(Refusal::Fault {
            request_id: id.as_str().to_owned(),
        })
    }

    /// The header that goes with it, in whichever form it is told.
    pub(crate) fn header(&self) -> Option<[(HeaderName, HeaderValue); 1]> {
        let header = match self {
            Self::Denied(Denied::TooMany { seconds, .. }) => (RETRY_AFTER, seconds.get().into()),
            Self::Denied(Denied::Unknown) => (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            Self::Overloaded | Self::NoMemory | Self::NoModel | Self::NotRecorded { .. } => {
                (RETRY_AFTER, 1.into())
            }
            _ => return None,
        };
        Some([header])
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            // model-http has only valid statuses.
            Self::Shared(refusal) => {
                StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Self::NoSuchModel { .. } | Self::NotThere { .. } => StatusCode::NOT_FOUND,
            Self::NotABatch { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Malformed { .. } => StatusCode::BAD_REQUEST,
            Self::BodyTimeout { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLong { .. }
            | Self::TooManyRows { .. }
            | Self::TooMuchRecourse { .. }
            | Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Denied(Denied::Unknown) => StatusCode::UNAUTHORIZED,
            Self::Denied(Denied::Forbidden | Denied::Disabled) => StatusCode::FORBIDDEN,
            Self::Denied(Denied::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::NoMemory | Self::NoModel | Self::TakenBack => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::CannotExplain => StatusCode::NOT_IMPLEMENTED,
            Self::Unusable { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Gone { .. } => StatusCode::GONE,
            Self::NotPermitted { .. } => StatusCode::FORBIDDEN,
            Self::NotRecorded { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Shared(refusal) => refusal.detail(),
            Self::NoSuchModel { name } => {
                format!("There is no model `{name}`; GET /models lists all models")
            }
            Self::NotABatch { content_type } => format!(
                "The content type is `{content_type}`, expected `application/json`, `application/x-ndjson` or `text/csv`"
            ),
            Self::BodyTimeout { seconds } => {
                format!("The request body did not arrive within {seconds} s; send it faster")
            }
            Self::BodyTooLong { limit } => format!(
                "The request body is longer than {limit} bytes; send less at once, or send NDJSON, which is streamed"
            ),
            Self::TooManyRows { most } => {
                format!("The batch has more than {most} rows; send fewer at once")
            }
            Self::TooMuchRecourse { most } => {
                format!("More than {most} rows of the batch ask for recourse; send fewer at once")
            }
            Self::CannotExplain => {
                "The model's file was packed before models could explain: train or pack it again"
                    .to_owned()
            }
            Self::Invalid { msg, .. } => msg.clone(),
            Self::Malformed { detail }
            | Self::Conflict { detail }
            | Self::NotThere { detail }
            | Self::Unusable { detail }
            | Self::Gone { detail }
            | Self::TooLong { detail }
            | Self::NotPermitted { detail } => detail.clone(),
            Self::NotRecorded { reason } => {
                format!("Nothing is answered that cannot be recorded: {reason}")
            }
            Self::Denied(Denied::Unknown) => Refusal::Unauthorized.detail(),
            Self::Denied(Denied::Forbidden) => "This key does not permit that request".to_owned(),
            Self::Denied(Denied::Disabled) => {
                "This route is disabled: the server was started without an admin key".to_owned()
            }
            Self::Denied(Denied::TooMany { seconds, of_key }) => {
                let whose = if *of_key {
                    "with this key"
                } else {
                    "from this address"
                };
                format!("Too many requests {whose}; try again in {seconds} s")
            }
            Self::Overloaded => "Too many requests at once: try again in a second".to_owned(),
            Self::NoMemory => {
                "The requests at this moment are too large together: try again in a second"
                    .to_owned()
            }
            Self::NoModel => "Model not loaded".to_owned(),
            Self::TakenBack => {
                "The version that this stream began with was taken back: send the rest in a new one"
                    .to_owned()
            }
        }
    }
}
