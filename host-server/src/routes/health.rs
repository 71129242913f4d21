//! `GET /health`: for load balancers and monitors.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::App;
use crate::host::ModelInfo;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    model_loaded: bool,
    version: &'a str,
    model: &'a ModelInfo,
}

/// Healthy: a server without a model does not start.
pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let model = &app.host.description().model;
    Json(Health {
        status: "healthy",
        model_loaded: true,
        version: &model.version,
        model,
    })
    .into_response()
}
