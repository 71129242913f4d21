//! `POST /explain`: why a decision came out as it did; an array is explained one by one. It is
//! no decision: it is in no metric of decisions, in no drift window, and goes to no shadow.
//! The version that decides for an applicant explains too. Everything runs on the threads of
//! long work.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use model_http::limits::MAX_REQUEST;
use model_http::media;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinError;

use super::answer::receipt;
use super::batch::{Batch, refuse_array};
use super::batch_answer::Form;
use super::rows::Table;
use crate::app::{App, Target};
use crate::host::{CallError, Decision};
use crate::http::body::check_json;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;
use crate::models::registry::Affinity;
use crate::record::{Call, Kind, Recorder};

const ROUTE: &str = "/explain";
const ROUTE_NAMED: &str = "/models/{name}/explain";
const ROUTE_VERSION: &str = "/models/{name}/versions/{version}/explain";

pub(super) async fn explain(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &headers, ROUTE);
    answer(app, call, body, None, None).await
}

pub(super) async fn explain_named(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &headers, ROUTE_NAMED);
    answer(app, call, body, Some(&name), None).await
}

pub(super) async fn explain_version(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &headers, ROUTE_VERSION);
    answer(app, call, body, Some(&name), Some(&version)).await
}

/// What the work came to.
enum Explained {
    One {
        asked: Bytes,
        answer: Result<Decision, CallError>,
        recorder: Option<Recorder>,
    },
    /// The first piece of many.
    Many(Box<Batch>, Bytes),
}

/// What is asked, and who explains it.
struct Question {
    target: Target,
    body: Bytes,
    permit: OwnedSemaphorePermit,
}

async fn question(
    app: &App,
    call: &Call<'_>,
    body: Body,
    name: Option<&str>,
    version: Option<&str>,
) -> Result<Question, ApiError> {
    check_json(call.headers)?;
    let named = if version.is_some() {
        let target = app.target_version(name, version, Affinity::default());
        Some(can_explain(target.await?)?)
    } else {
        // Before a long body is read.
        app.known_model(name)?;
        None
    };
    let packed = app.read_batch(call.headers, body).await?;
    let permit = app.begin()?;
    let body = app.admission().piece(move || packed.unpack()).await;
    let body = body.unwrap_or_else(|error| Err(failed(call, &error)))?;
    let target = match named {
        Some(target) => target,
        None => can_explain(app.target(name, affinity(call, &body))?)?,
    };
    Ok(Question {
        target,
        body,
        permit,
    })
}

async fn answer(
    app: Arc<App>,
    call: Call<'_>,
    body: Body,
    name: Option<&str>,
    version: Option<&str>,
) -> Result<Response, ApiError> {
    let Question {
        target,
        body,
        permit,
    } = question(&app, &call, body, name, version).await?;
    let recorder = app.recorder(&call, &target, Kind::Explanation)?;
    let served = target.served;
    let most = app.limits().batch_rows;
    let memory = app.admission().memory().clone();
    let work = move || {
        let _permit = permit;
        if is_array(&body) {
            let table = Table::of_objects(&body, &body, most);
            let table = table.map_err(|error| refuse_array(error, most))?;
            let batch = Batch::new(served, table, Form::Explanations, recorder);
            let (batch, first) = batch.first(&memory)?;
            return Ok(Explained::Many(Box::new(batch), first));
        }
        Ok(Explained::One {
            answer: served.explain(&body),
            asked: body,
            recorder,
        })
    };
    let explained = app.admission().piece(work).await;
    let explained = explained.unwrap_or_else(|error| Err(failed(&call, &error)))?;
    match explained {
        Explained::One {
            asked,
            answer: Ok(explanation),
            recorder,
        } => {
            let written = match recorder {
                None => None,
                Some(mut recorder) => {
                    recorder.add(&asked, explanation.answer());
                    recorder.write().written().await?
                }
            };
            let mut response = respond(explanation);
            receipt(&mut response, written);
            Ok(response)
        }
        Explained::One {
            answer: Err(error), ..
        } => {
            tracing::error!(request_id = call.id.as_uuid(), %error, "explanation failed");
            Err(ApiError::fault(call.id))
        }
        Explained::Many(batch, first) => batch.respond(app, call.id, first).await,
    }
}

fn can_explain(target: Target) -> Result<Target, ApiError> {
    if target.served.explains() {
        Ok(target)
    } else {
        Err(ApiError::CannotExplain)
    }
}

fn failed(call: &Call<'_>, error: &JoinError) -> ApiError {
    tracing::error!(request_id = call.id.as_uuid(), %error, "no explanation");
    ApiError::fault(call.id)
}

fn is_array(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"[")
}

/// What a canary is picked by: as for a decision about the same application, or about a batch.
fn affinity<'a>(call: &Call<'a>, body: &'a [u8]) -> Affinity<'a> {
    // The module refuses what is longer.
    let is_read = body.len() <= MAX_REQUEST && !is_array(body);
    Affinity {
        id: call.id.given(),
        body: if is_read { application(body) } else { b"" },
    }
}

/// What a body may wrap its application in.
#[derive(Deserialize)]
struct Wrapped<'b> {
    #[serde(borrow)]
    application: Option<&'b RawValue>,
}

/// The application of a question, or the body, where it is a bare one.
fn application(body: &[u8]) -> &[u8] {
    let wrapped = serde_json::from_slice::<Wrapped<'_>>(body).ok();
    let inside = wrapped.and_then(|wrapped| wrapped.application);
    // Otherwise it is a field of that name.
    let inside = inside.filter(|json| json.get().starts_with('{'));
    inside.map_or(body, |json| json.get().as_bytes())
}

fn respond(explanation: Decision) -> Response {
    let mut response = Response::new(Body::from(explanation.body));
    *response.status_mut() =
        StatusCode::from_u16(explanation.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static(media::JSON);
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
