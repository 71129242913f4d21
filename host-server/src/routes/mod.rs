//! The router and the handlers of its routes.

mod admin;
mod answer;
mod batch;
mod batch_answer;
mod decisions;
mod drift;
mod explain;
mod health;
mod home;
mod log;
mod metrics;
mod mlflow;
mod model;
mod models;
mod ndjson;
mod oip;
mod openapi;
mod pieces;
pub(crate) mod predict;
mod question;
mod refusal;
mod rows;
mod score_rows;
mod scores_answer;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use model_http::Refusal;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::refusal::{panicked, refuse};
use crate::http::{cors, middleware, page};

/// The whole service.
pub fn app(state: Arc<App>) -> Router {
    let router = api()
        .merge(if state.has_page() {
            files()
        } else {
            Router::new()
        })
        .merge(if state.has_metrics_port() {
            Router::new()
        } else {
            metrics::routes().merge(drift::routes())
        });
    finish(router, state)
}

/// `/metrics` and `/drift` alone, for a separate port.
pub(crate) fn metrics_app(state: Arc<App>) -> Router {
    let router = metrics::routes()
        .merge(drift::routes())
        .route("/health", get(health::health));
    finish(router, state)
}

fn api() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(home::home))
        .route("/health", get(health::health))
        .route("/predict", post(predict::predict))
        .route("/predict/batch", post(batch::batch))
        .route("/explain", post(explain::explain))
        .route("/invocations", post(mlflow::invocations))
        .route("/ping", get(mlflow::ping))
        .route("/version", get(mlflow::version))
        .merge(oip::routes())
        .merge(decisions::routes())
        .merge(log::routes())
        .merge(openapi::routes())
        .route("/models", get(models::list))
        .route("/models/{name}", get(models::one))
        .route("/models/{name}/schema", get(models::schema))
        .route("/models/{name}/predict", post(predict::predict_named))
        .route("/models/{name}/predict/batch", post(batch::batch_named))
        .route("/models/{name}/explain", post(explain::explain_named))
        .route("/models/{name}/reload", post(admin::reload))
        .route("/models/{name}/rollback", post(admin::roll_back))
        .route(
            "/models/{name}/versions/{version}/predict",
            post(predict::predict_version),
        )
        .route(
            "/models/{name}/versions/{version}/explain",
            post(explain::explain_version),
        )
}

/// The page, the model's file and its JavaScript.
fn files() -> Router<Arc<App>> {
    Router::new()
        .route(page::MODEL_FILE, get(model::wasm))
        .route(page::MODEL_GLUE, get(model::glue))
        .route(page::MODEL_TYPES, get(model::types))
        .merge(page::routes())
}

fn finish(router: Router<Arc<App>>, state: Arc<App>) -> Router {
    let router = router
        .fallback(async |request: Request| refuse(request, ApiError::from(Refusal::NotFound)).await)
        .method_not_allowed_fallback(async |request: Request| {
            refuse(request, ApiError::from(Refusal::MethodNotAllowed)).await
        })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(
            Arc::clone(state.middleware()),
            middleware::layer,
        ));
    match cors::layer(state.cors_origins()) {
        Some(cors) => router.layer(cors),
        None => router,
    }
    .with_state(state)
}
