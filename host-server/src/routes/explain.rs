//! `POST /explain`: why a decision came out as it did; an array is explained one by one. It is
//! no decision: it is in no metric of decisions, in no drift window, and goes to no shadow.
//! Everything runs on the threads of long work.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use model_http::media;

use super::batch::{Batch, refuse_array};
use super::batch_answer::Form;
use super::rows::Table;
use crate::app::App;
use crate::host::{CallError, Decision};
use crate::http::body::check_json;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;
use crate::models::registry::Affinity;

pub(super) async fn explain(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    answer(app, id, &headers, body, None, None).await
}

pub(super) async fn explain_named(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    answer(app, id, &headers, body, Some(&name), None).await
}

pub(super) async fn explain_version(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    answer(app, id, &headers, body, Some(&name), Some(&version)).await
}

/// What the work came to.
enum Explained {
    One(Result<Decision, CallError>),
    /// The first piece of many.
    Many(Batch, axum::body::Bytes),
}

async fn answer(
    app: Arc<App>,
    id: RequestId,
    headers: &HeaderMap,
    body: Body,
    name: Option<&str>,
    version: Option<&str>,
) -> Result<Response, ApiError> {
    check_json(headers)?;
    let served = app
        .target_version(name, version, Affinity::by_id(id.given()))
        .await?
        .served;
    if !served.explains() {
        return Err(ApiError::CannotExplain);
    }
    let packed = app.read_batch(headers, body).await?;
    let permit = app.begin()?;
    let most = app.limits().batch_rows;
    let claim = app.admission().memory().claim();
    let work = move || {
        let _permit = permit;
        let body = packed.unpack()?;
        if !body.trim_ascii_start().starts_with(b"[") {
            return Ok(Explained::One(served.explain(&body)));
        }
        let table =
            Table::of_objects(&body, &body, most).map_err(|error| refuse_array(error, most))?;
        let (batch, first) = Batch::new(served, table, Form::Explanations).first(claim)?;
        Ok(Explained::Many(batch, first))
    };
    let explained = app.admission().piece(work).await.unwrap_or_else(|error| {
        tracing::error!(request_id = id.as_str(), %error, "no explanation");
        Err(ApiError::fault(&id))
    })?;
    let body = match explained {
        Explained::One(Ok(explanation)) => return Ok(respond(explanation)),
        Explained::One(Err(error)) => {
            tracing::error!(request_id = id.as_str(), %error, "explanation failed");
            return Err(ApiError::fault(&id));
        }
        Explained::Many(batch, first) if batch.is_done() => Body::from(first),
        Explained::Many(batch, first) => batch.stream(app, first),
    };
    Ok(([(CONTENT_TYPE, media::JSON)], body).into_response())
}

fn respond(explanation: Decision) -> Response {
    let mut response = Response::new(Body::from(explanation.body));
    *response.status_mut() =
        StatusCode::from_u16(explanation.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static(media::JSON);
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
