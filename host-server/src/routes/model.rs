//! `GET /model.wasm`, `GET /model.js` and `GET /model.d.ts`: the model itself, for pages and other
//! hosts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::static_file::respond;

pub(super) async fn types(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.champion() {
        Some(served) => respond(served.types(), &headers),
        None => ApiError::NoModel.into_response(),
    }
}

pub(super) async fn wasm(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.champion() {
        Some(served) => respond(served.wasm(), &headers),
        None => ApiError::NoModel.into_response(),
    }
}

pub(super) async fn glue(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.champion() {
        Some(served) => match served.glue() {
            Some(glue) => respond(glue, &headers),
            None => {
                let detail = "The JavaScript of this model is not served, since nobody here knows it: see the server's log".to_owned();
                ApiError::NotThere { detail }.into_response()
            }
        },
        None => ApiError::NoModel.into_response(),
    }
}
