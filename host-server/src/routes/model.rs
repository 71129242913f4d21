//! `GET /model.wasm`, `GET /model.js` and `GET /model.d.ts`: the model itself, for pages and other
//! hosts.

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::asset::Asset;
use crate::glue::MODEL_TYPES;
use crate::http::error::ApiError;
use crate::http::static_file::respond;

static TYPES: LazyLock<Asset> = LazyLock::new(|| {
    let text = Bytes::from_static(MODEL_TYPES.as_bytes());
    Asset::new("text/plain; charset=utf-8", text)
});

/// The same for every model: types only grow.
pub(super) async fn types(headers: HeaderMap) -> Response {
    respond(&TYPES, &headers)
}

pub(super) async fn wasm(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.champion() {
        Some(served) => respond(served.wasm(), &headers),
        None => ApiError::NoModel.into_response(),
    }
}

pub(super) async fn glue(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.champion() {
        Some(served) => respond(served.glue(), &headers),
        None => ApiError::NoModel.into_response(),
    }
}
