//! `POST /predict`: the body's bytes into the module, the module's bytes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;

use super::App;
use super::error::ApiError;
use crate::error::CallError;
use crate::host::Decision;
use crate::request_id::RequestId;

/// The longest body the module takes (docs/decision-contract.md). It is the module that
/// refuses a longer one; it needs one byte more than this to do so.
const LONGEST_BODY: usize = 1 << 20;

/// What is read of a body that is too long, so that the client hears the answer and does
/// not just see its connection break.
const LONGEST_DRAIN: usize = 64 << 20;

/// The longest body that is decided on the async worker itself. That takes some
/// microseconds, as writing the answer does; handing it to another thread and back would
/// cost more than the decision. A longer one may take milliseconds and goes to a thread
/// of its own, so that nobody's request waits behind it. A module that hangs holds its
/// thread until [`Limits::decide`](crate::Limits) at the latest.
const LONGEST_INLINE: usize = 64 << 10;

pub(super) async fn predict(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    check_content_type(&headers)?;
    let body = read(body).await?;
    let start = Instant::now();
    match decide(app, body).await {
        Ok(decision) => Ok(answer(decision, start.elapsed(), &id)),
        Err(error) => {
            tracing::error!(request_id = id.as_str(), %error, "no decision");
            Err(ApiError::Fault { id })
        }
    }
}

/// JSON, or nothing said: old clients and some tools send no content type.
fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let content_type = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let essence = content_type.split(';').next().unwrap_or_default();
    match essence.trim().to_ascii_lowercase() {
        json if json == "application/json" || json == "text/json" => Ok(()),
        json if json.ends_with("+json") => Ok(()),
        _ => Err(ApiError::NotJson { content_type }),
    }
}

async fn read(mut body: Body) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::BodyCutOff)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen += data.len();
        let room = LONGEST_BODY + 1 - bytes.len();
        bytes.extend_from_slice(&data[..room.min(data.len())]);
        if seen > LONGEST_DRAIN {
            break;
        }
    }
    Ok(bytes)
}

async fn decide(app: Arc<App>, body: Vec<u8>) -> Result<Decision, CallError> {
    if body.len() <= LONGEST_INLINE {
        return app.host.decide(&body);
    }
    // As many at once as there are processors: with the workers' own calls that makes no
    // more than the pool has instances, so no worker waits for one.
    let long = Arc::clone(&app);
    let _turn = app.long_bodies.acquire().await;
    tokio::task::spawn_blocking(move || long.host.decide(&body))
        .await
        .unwrap_or_else(|error| Err(CallError::Instantiate(error.to_string())))
}

fn answer(decision: Decision, took: Duration, id: &RequestId) -> Response {
    let status = StatusCode::from_u16(decision.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut body = decision.body;
    if status == StatusCode::OK {
        add_envelope(&mut body, took, id);
    }
    let json = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, json)], body).into_response()
}

/// Puts the host's two fields before the object's last brace.
fn add_envelope(body: &mut Vec<u8>, took: Duration, id: &RequestId) {
    if body.pop_if(|last| *last == b'}').is_some() {
        let seconds = took.as_secs_f64();
        let id = id.as_str();
        let fields = format!(",\"latency_seconds\":{seconds},\"request_id\":\"{id}\"}}");
        body.extend_from_slice(fields.as_bytes());
    }
}
