//! `GET /health`: for load balancers and monitors.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use model_http::media;
use model_http::summary::{healthy, unhealthy};

use super::home::model_id;
use crate::app::App;

/// Healthy: there is a model that can decide.
pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let (status, body) = match app.champion() {
        Some(served) => (
            StatusCode::OK,
            healthy(model_id(&served.description().model)),
        ),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            unhealthy("There is no model to decide with; add one to the folder of models"),
        ),
    };
    (status, [(CONTENT_TYPE, media::JSON)], body).into_response()
}
