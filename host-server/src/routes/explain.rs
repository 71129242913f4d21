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
use model_http::media;
use tokio::task::JoinError;

use super::answer::receipt;
use super::batch::refuse_array;
use super::pieces::Batch;
use super::question::{Asked, asks_for_recourse, work};
use super::rows::Table;
use crate::app::{App, Target};
use crate::host::Decision;
use crate::http::Share;
use crate::http::admission::Work;
use crate::http::body::check_json;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::limits::HttpLimits;
use crate::http::request_id::RequestId;
use crate::record::{Call, Kind, write_single};

const ROUTE: &str = "/explain";
const ROUTE_NAMED: &str = "/models/{name}/explain";
const ROUTE_VERSION: &str = "/models/{name}/versions/{version}/explain";

pub(super) async fn explain(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &caller, &headers, ROUTE);
    answer(app, call, body, None, None).await
}

pub(super) async fn explain_named(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &caller, &headers, ROUTE_NAMED);
    answer(app, call, body, Some(&name), None).await
}

pub(super) async fn explain_version(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &caller, &headers, ROUTE_VERSION);
    answer(app, call, body, Some(&name), Some(&version)).await
}

/// What is asked, and who explains it.
struct Question {
    target: Target,
    body: Bytes,
    asked: Asked,
    _permit: Share,
}

async fn question(
    app: &App,
    call: &Call<'_>,
    body: Body,
    name: Option<&str>,
    version: Option<&str>,
) -> Result<Question, ApiError> {
    check_json(call.headers)?;
    // Before a long body is read. Whoever has not yet sent one keeps no version in memory.
    match version {
        Some(version) => drop(app.known(name, version)?),
        None => app.known_model(name)?,
    }
    let packed = app.read_batch(call, body).await?;
    let permit = app.begin_long(call.caller)?;
    let body = app.unpack(call, packed).await?;
    let asked = asked(app, call, &body).await?;
    let target = match version {
        Some(_) => app.target_version(call, name, version, &body).await?,
        // As for a decision about the same application, or about a batch.
        None => {
            let application = asked.application();
            app.target_of(call, name, application, true).await?
        }
    };
    Ok(Question {
        target: can_explain(target)?,
        body,
        asked,
        _permit: permit,
    })
}

/// What the body asks, which of a long one is found where that delays no other request.
async fn asked(app: &App, call: &Call<'_>, body: &Bytes) -> Result<Asked, ApiError> {
    if Asked::is_short(body) {
        return Ok(Asked::read(body));
    }
    let (kind, body) = (Work::reading(body.len()), body.clone());
    let read = move || Asked::read(&body);
    let asked = app.admission().work(kind, call.caller, read).await;
    asked.map_err(|error| failed(call, &error))
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
        asked,
        _permit,
    } = question(&app, &call, body, name, version).await?;
    let recorder = app.recorder(&call, &target, Kind::Explanation)?;
    let served = target.served;
    let admission = app.admission();
    let Asked::One { recourse, .. } = asked else {
        let memory = admission.memory(call.caller);
        let (caller, limits) = (call.caller.clone(), app.limits().clone());
        let reading = Work::reading(body.len());
        let read = move || {
            let (table, recourse) = rows(&body, &limits)?;
            let batch = Batch::of_explanations(caller, served, table, recourse, recorder);
            batch.hold(&memory)
        };
        let batch = admission.work(reading, call.caller, read).await;
        let batch = batch.unwrap_or_else(|error| Err(failed(&call, &error)))?;
        let memory = admission.memory(call.caller);
        let (kind, begin) = (batch.work(), move || batch.first(&memory));
        let begun = admission.work(kind, call.caller, begin).await;
        let (batch, first) = begun.unwrap_or_else(|error| Err(failed(&call, &error)))?;
        return Box::pin(batch.respond(app, call.id, first)).await;
    };
    let place = app.begin_record(call.caller)?;
    let kind = work(recourse);
    let explain = move || (served.explain(&body), body);
    let explained = admission.work(kind, call.caller, explain).await;
    let (answer, asked) = explained.map_err(|error| failed(&call, &error))?;
    let explanation = answer.map_err(|error| {
        tracing::error!(request_id = call.id.as_uuid(), %error, "explanation failed");
        ApiError::fault(call.id)
    })?;
    let written = match recorder {
        None => None,
        Some(mut recorder) => {
            recorder.add(&asked, explanation.answer());
            write_single(recorder, place, None).await?
        }
    };
    let mut response = respond(explanation);
    receipt(&mut response, written);
    Ok(response)
}

/// The rows of an array, and whether each asks for recourse.
fn rows(body: &Bytes, limits: &HttpLimits) -> Result<(Table, Vec<bool>), ApiError> {
    let most = limits.batch_rows;
    let table =
        Table::of_objects(body, body, most).map_err(|error| refuse_array(error, body, most))?;
    let recourse: Vec<bool> = table.as_they_came().map(asks_for_recourse).collect();
    let most = limits.recourse_rows;
    match recourse.iter().filter(|asks| **asks).count() > most {
        true => Err(ApiError::TooMuchRecourse { most }),
        false => Ok((table, recourse)),
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

fn respond(explanation: Decision) -> Response {
    let mut response = Response::new(Body::from(explanation.body));
    *response.status_mut() =
        StatusCode::from_u16(explanation.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static(media::JSON);
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
