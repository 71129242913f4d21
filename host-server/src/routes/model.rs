//! `GET /model.wasm`, `GET /model.js` and `GET /model.d.ts`: the model itself, for pages and other
//! hosts.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;
use crate::http::static_file::respond;
use crate::models::registry::ServedFile;

type Shared = State<Arc<App>>;

/// Who asks, and by which request.
type Asked = (Extension<RequestId>, Extension<Caller>);

pub(super) async fn types(
    State(app): Shared,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    send(&app, ServedFile::Types, asked, &headers).await
}

pub(super) async fn wasm(
    State(app): Shared,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    send(&app, ServedFile::Wasm, asked, &headers).await
}

pub(super) async fn glue(
    State(app): Shared,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    send(&app, ServedFile::Glue, asked, &headers).await
}

/// The file, which is packed for the first who asks: that takes as long as it is large.
async fn send(
    app: &App,
    file: ServedFile,
    (Extension(id), Extension(caller)): Asked,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let served = app.champion().ok_or(ApiError::NoModel)?;
    if matches!(file, ServedFile::Glue) && !served.has_glue() {
        return Err(no_glue());
    }
    if served.packed(file).is_none() {
        let served = Arc::clone(&served);
        let pack = move || served.pack(file).is_some();
        app.pack(&id, &caller, pack).await?;
    }
    let packed = served.packed(file).ok_or_else(no_glue)?;
    Ok(respond(packed, headers))
}

fn no_glue() -> ApiError {
    ApiError::NotThere {
        detail: "The JavaScript of this model is not served, since nobody here knows it: see the server's log".to_owned(),
    }
}
