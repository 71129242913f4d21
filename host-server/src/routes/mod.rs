//! The router: what answers where, and what every answer carries.

mod error;
mod health;
mod home;
mod model;
mod predict;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use axum::middleware::from_fn;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::config::processors;
use crate::host::ModelHost;
use crate::static_file::StaticFile;
use crate::{page, request_id};

use error::ApiError;

/// The page may load and run only what this server gives it; nothing may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// What the handlers share.
pub struct App {
    host: ModelHost,
    wasm: StaticFile,
    glue: StaticFile,
    page: Option<StaticFile>,
    /// Long bodies decided at the same time, off the async workers.
    long_bodies: Semaphore,
}

impl App {
    /// The state for serving `host`.
    #[must_use]
    pub fn new(host: ModelHost) -> Arc<Self> {
        Arc::new(Self {
            wasm: StaticFile::new("application/wasm", host.wasm().clone()),
            glue: StaticFile::new("text/javascript; charset=utf-8", host.glue().clone()),
            page: page::index(),
            long_bodies: Semaphore::new(processors().get()),
            host,
        })
    }
}

/// The whole service.
pub fn app(state: Arc<App>) -> Router {
    let router = Router::new()
        .route("/", get(home::home))
        .route("/health", get(health::health))
        .route("/predict", post(predict::predict))
        .route("/model.wasm", get(model::wasm))
        .route("/model.js", get(model::glue))
        .merge(page::routes())
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(request_id::name));
    [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ]
    .into_iter()
    .fold(router, with_header)
    .with_state(state)
}

fn with_header(
    router: Router<Arc<App>>,
    (name, value): (HeaderName, &'static str),
) -> Router<Arc<App>> {
    let value = HeaderValue::from_static(value);
    router.layer(SetResponseHeaderLayer::overriding(name, value))
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
