//! `GET /health`: for load balancers and monitors.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::host::ModelInfo;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    model_loaded: bool,
    version: &'a str,
    model: &'a ModelInfo,
}

/// Healthy: there is a model that can decide.
pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let Some(served) = app.champion() else {
        let answer = json!({
            "status": "unhealthy",
            "model_loaded": false,
            "detail": "There is no model to decide with: put one into the folder of models",
        });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(answer)).into_response();
    };
    let model = &served.description().model;
    Json(Health {
        status: "healthy",
        model_loaded: true,
        version: &model.version,
        model,
    })
    .into_response()
}
