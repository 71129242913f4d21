//! `GET /health`: for load balancers and monitors.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::App;

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
    model_loaded: bool,
    version: &'static str,
    model: Model,
}

#[derive(Serialize)]
struct Model {
    name: String,
    version: String,
    digest: String,
}

/// Healthy: a server without a model does not start.
pub(super) async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    let model = &app.host.description().model;
    Json(Health {
        status: "healthy",
        model_loaded: true,
        version: env!("CARGO_PKG_VERSION"),
        model: Model {
            name: model.name.clone(),
            version: model.version.clone(),
            digest: model.digest.clone(),
        },
    })
}
