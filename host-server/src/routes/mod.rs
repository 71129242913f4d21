//! The router: what answers where.

mod admin;
mod batch;
mod batch_answer;
mod drift;
mod health;
mod home;
mod metrics;
mod model;
mod models;
mod ndjson;
mod oip;
mod openapi;
pub(crate) mod predict;
mod rows;
mod score;
mod scoring;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::refusal::{panicked, refuse};
use crate::http::{cors, middleware, page};

/// The whole service.
pub fn app(state: Arc<App>) -> Router {
    let router = api()
        .merge(match state.has_page() {
            true => files(),
            false => Router::new(),
        })
        .merge(match state.has_metrics_port() {
            true => Router::new(),
            false => metrics::routes().merge(drift::routes()),
        });
    finish(router, state)
}

/// `/metrics` and drift alone, for a port of their own.
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
        .route("/invocations", post(scoring::invocations))
        .route("/ping", get(scoring::ping))
        .route("/version", get(scoring::version))
        .merge(oip::routes())
        .merge(openapi::routes())
        .route("/models", get(models::list))
        .route("/models/{name}", get(models::one))
        .route("/models/{name}/schema", get(models::schema))
        .route("/models/{name}/predict", post(predict::predict_named))
        .route("/models/{name}/predict/batch", post(batch::batch_named))
        .route("/models/{name}/reload", post(admin::reload))
        .route("/models/{name}/rollback", post(admin::roll_back))
        .route(
            "/models/{name}/versions/{version}/predict",
            post(predict::predict_version),
        )
}

/// The page, the model's file and its JavaScript.
fn files() -> Router<Arc<App>> {
    Router::new()
        .route("/model.wasm", get(model::wasm))
        .route("/model.js", get(model::glue))
        .merge(page::routes())
}

fn finish(router: Router<Arc<App>>, state: Arc<App>) -> Router {
    let router = router
        .fallback(async |body: Body| refuse(body, ApiError::NotFound).await)
        .method_not_allowed_fallback(async |body: Body| {
            refuse(body, ApiError::MethodNotAllowed).await
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

/// An answer to a request whose body nobody reads.
pub(crate) async fn refuse<B>(body: B, refusal: impl IntoResponse) -> axum::response::Response
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let drained = body::drain(body).await;
    let mut response = refusal.into_response();
    if !drained {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// Whatever a handler's bug is, the client gets an answer and the others go on.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<axum::body::Body> {
    // The panic hook has written its message already.
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        axum::Json(serde_json::json!({ "detail": "Internal Server Error" })),
    )
        .into_response()
}
