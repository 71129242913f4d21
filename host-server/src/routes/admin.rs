//! `POST /models/{name}/reload` and `/rollback`: change which version answers. They need an
//! admin key.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;
use crate::models::registry::Outcome;

/// Reads the model's files again; answers when that is done. 409 when a file was refused.
pub(super) async fn reload(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let registry = Arc::clone(app.registry());
    let wanted = name.clone();
    log_action("reload", &caller, &id);
    // Before it waits for another one.
    let asked_at = Instant::now();
    let work = move || registry.reload_one(&wanted, caller.name(), asked_at);
    let done = app.admission().reload(work).await;
    match done {
        Ok(Some(outcome)) => Ok(answer(&outcome)),
        Ok(None) => Err(ApiError::NoSuchModel { name }),
        Err(error) => {
            tracing::error!(request_id = id.as_uuid(), %error, "reload failed");
            Err(ApiError::fault(&id))
        }
    }
}

/// Makes the previous version answer again.
pub(super) async fn roll_back(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let registry = Arc::clone(app.registry());
    let wanted = name.clone();
    log_action("rollback", &caller, &id);
    let work = move || registry.roll_back(&wanted, caller.name());
    // Not behind a reload, which may wait for a network.
    let done = tokio::task::spawn_blocking(work).await;
    match done {
        Ok(Some(Ok(outcome))) => Ok(answer(&outcome)),
        Ok(Some(Err(detail))) => Err(ApiError::Conflict { detail }),
        Ok(None) => Err(ApiError::NoSuchModel { name }),
        Err(error) => {
            tracing::error!(request_id = id.as_uuid(), %error, "no rollback");
            Err(ApiError::fault(&id))
        }
    }
}

/// Whatever comes of it. The model's name is in what comes of it: here it is the client's text.
fn log_action(action: &str, caller: &Caller, id: &RequestId) {
    let request_id = id.as_uuid();
    tracing::info!(action, actor = caller.name(), request_id, "admin action");
}

fn answer(outcome: &Outcome) -> Response {
    let status = if outcome.refused.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::CONFLICT
    };
    (status, Json(outcome)).into_response()
}
