//! `POST /models/{name}/reload` and `/rollback`: change which version answers. They need an
//! admin key.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;
use crate::models::registry::Outcome;

/// Reads the model's files again; answers when that is done. 409 when a file was refused.
pub(super) async fn reload(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let registry = Arc::clone(app.registry());
    let wanted = name.clone();
    let done = tokio::task::spawn_blocking(move || registry.reload_one(&wanted)).await;
    match done {
        Ok(Some(outcome)) => Ok(answer(&outcome)),
        Ok(None) => Err(ApiError::NoSuchModel { name }),
        Err(error) => {
            tracing::error!(request_id = id.as_str(), %error, "reload failed");
            Err(ApiError::fault(&id))
        }
    }
}

/// Makes the previous version answer again.
pub(super) async fn roll_back(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let slot = app
        .registry()
        .get(&name)
        .ok_or_else(|| ApiError::NoSuchModel { name: name.clone() })?;
    let metrics = Arc::clone(&app.metrics().models);
    match slot.roll_back(&metrics) {
        Some(outcome) => Ok(answer(&outcome)),
        None => Err(ApiError::Conflict {
            detail: format!("There is no earlier version of `{name}` to roll back to"),
        }),
    }
}

fn answer(outcome: &Outcome) -> Response {
    let status = if outcome.refused.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::CONFLICT
    };
    (status, Json(outcome)).into_response()
}
