//! `GET /metrics`, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use crate::app::App;
use crate::http::admission::Work;
use crate::http::answers::counted;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::metrics::Format;
use crate::http::request_id::RequestId;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept);
    let measuring = Arc::clone(&app);
    // Comparing windows and writing the text take milliseconds: not on an async worker.
    let work = move || measuring.measured(format);
    let text = app.admission().work(Work::Look, &caller, work).await;
    let text = text.map_err(|error| {
        tracing::error!(request_id = id.as_uuid(), %error, "metrics not written");
        ApiError::fault(&id)
    })?;
    let answer = ([(CONTENT_TYPE, format.content_type())], text).into_response();
    Ok(match app.has_metrics_port() {
        // Who may ask on the port of its own is not limited there either.
        true => counted(answer),
        false => answer,
    })
}
