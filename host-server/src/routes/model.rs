//! `GET /model.wasm` and `GET /model.js`: the model itself, for pages and other hosts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::App;

pub(super) async fn wasm(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    app.wasm.respond(&headers)
}

pub(super) async fn glue(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    app.glue.respond(&headers)
}
