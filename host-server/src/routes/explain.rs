//! `POST /explain`: why a decision came out as it did; an array is explained one by one. It is
//! no decision: it is in no metric of decisions, in no drift window, and goes to no shadow.
//! Everything runs on the threads of long work.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use model_http::media;

use super::answer::receipt;
use super::batch::{Batch, refuse_array};
use super::batch_answer::Form;
use super::rows::Table;
use crate::app::App;
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
    Many(Batch, Bytes),
}

async fn answer(
    app: Arc<App>,
    call: Call<'_>,
    body: Body,
    name: Option<&str>,
    version: Option<&str>,
) -> Result<Response, ApiError> {
    check_json(call.headers)?;
    let affinity = Affinity::by_id(call.id.given());
    let target = app.target_version(name, version, affinity).await?;
    if !target.served.explains() {
        return Err(ApiError::CannotExplain);
    }
    let recorder = app.recorder(&call, &target, Kind::Explanation)?;
    let served = target.served;
    let packed = app.read_batch(call.headers, body).await?;
    let permit = app.begin()?;
    let most = app.limits().batch_rows;
    let claim = app.admission().memory().claim();
    let work = move || {
        let _permit = permit;
        let body = packed.unpack()?;
        if !body.trim_ascii_start().starts_with(b"[") {
            return Ok(Explained::One {
                answer: served.explain(&body),
                asked: body,
                recorder,
            });
        }
        let table =
            Table::of_objects(&body, &body, most).map_err(|error| refuse_array(error, most))?;
        let batch = Batch::new(served, table, Form::Explanations, recorder);
        let (batch, first) = batch.first(claim)?;
        Ok(Explained::Many(batch, first))
    };
    let explained = app.admission().piece(work).await.unwrap_or_else(|error| {
        tracing::error!(request_id = call.id.as_str(), %error, "no explanation");
        Err(ApiError::fault(call.id))
    })?;
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
            tracing::error!(request_id = call.id.as_str(), %error, "explanation failed");
            Err(ApiError::fault(call.id))
        }
        Explained::Many(batch, first) => batch.respond(app, call.id, first).await,
    }
}

fn respond(explanation: Decision) -> Response {
    let mut response = Response::new(Body::from(explanation.body));
    *response.status_mut() =
        StatusCode::from_u16(explanation.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static(media::JSON);
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
