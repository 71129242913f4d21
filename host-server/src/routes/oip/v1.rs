//! KServe's version 1: `POST /v1/models/{name}:predict`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};
use model_http::Refusal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::rows::Rows;
use super::super::score_rows::{ScoreError, score};
use crate::app::App;
use crate::http::body::read_whole;
use crate::http::error::ApiError;
use crate::http::oip_error::OipError;
use crate::http::request_id::RequestId;

#[derive(Deserialize)]
struct Request {
    instances: Vec<Value>,
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let slots = app.registry().all();
    let names: Vec<&str> = slots.iter().map(|slot| slot.name()).collect();
    Json(json!({ "models": names }))
}

pub(super) async fn status(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, OipError> {
    app.target(Some(&name), None)?;
    Ok(Json(json!({ "name": name, "ready": true })))
}

/// The verb is part of the last segment; a client may have sent its colon as `%3A`.
pub(super) async fn predict(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Path(target): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, OipError> {
    let name = target
        .strip_suffix(":predict")
        .ok_or(ApiError::from(Refusal::NotFound))?;
    let served = app.target(Some(name), None)?.served;
    let limits = app.limits();
    let body = read_whole(&headers, body, limits.batch_bytes, limits.body).await?;
    let request: Request = serde_json::from_slice(&body)
        .map_err(|error| OipError::bad(format!("expected {{\"instances\": [...]}}: {error}")))?;
    let most = limits.batch_rows;
    if request.instances.len() > most {
        return Err(ApiError::TooManyRows { most }.into());
    }
    let rows = Rows::from_list(&request.instances, served.description()).map_err(OipError::bad)?;
    let scores = score(&app, served, rows)
        .await
        .map_err(|problem| match problem {
            ScoreError::Refused(reason) => OipError::bad(reason),
            ScoreError::Overloaded => ApiError::Overloaded.into(),
            ScoreError::Failed(reason) => {
                tracing::error!(request_id = id.as_str(), reason, "scoring failed");
                ApiError::fault(&id).into()
            }
        })?;
    let predictions: Vec<i64> = scores.iter().map(|scored| scored.prediction).collect();
    Ok(Json(json!({ "predictions": predictions })))
}
