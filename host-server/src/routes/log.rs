//! `/log/…`: what everybody with a key may read of the decision log, which holds no personal
//! data, and what an administrator may change in it. `underwrite log --server URL` asks these.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use model_http::media;
use model_log::{Change, Changed, LogError, Writer};
use serde::Deserialize;

use super::decisions::{change_log, log_of, read, said, search};
use crate::app::App;
use crate::http::authentication::Access;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::record::people::{self, refuse};

/// A tile that is full never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// The same where it needs a key, which a cache in front does not ask for.
const OWN_FOR_EVER: &str = "private, max-age=31536000, immutable";

/// Which log the indexes of an answer are of, where its body is a list of indexes alone.
const LOG_ID: HeaderName = HeaderName::from_static("x-decision-log-id");

/// The longest body of a change, in bytes: some 250,000 indexes.
const LONGEST_CHANGE: usize = 2 << 20;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/key", get(key))
        .route("/log/tile/entries/{*path}", get(entries))
        .route("/log/tile/{*path}", get(hashes))
        .route("/log/hold", post(hold))
        .route("/log/release", post(release))
        .route("/log/erase", post(erase))
        .route("/log/retain", get(retain))
}

/// The last signed checkpoint, a note.
async fn checkpoint(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let log = log_of(&app)?;
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, log.writer().checkpoint()).into_response())
}

/// The public key of its signature.
async fn key(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let log = log_of(&app)?;
    let text = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((text, log.reader().verifier_key() + "\n").into_response())
}

/// A tile of leaves. They need another key than hashes may.
async fn entries(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(path): Path<String>,
) -> Result<Response, ApiError> {
    tile(
        &app,
        &caller,
        Access::LogEntries,
        format!("tile/entries/{path}"),
    )
    .await
}

async fn hashes(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(path): Path<String>,
) -> Result<Response, ApiError> {
    // An escaped slash is none to the router.
    match path.starts_with("entries") {
        true => Err(no_tile()),
        false => tile(&app, &caller, Access::Log, format!("tile/{path}")).await,
    }
}

async fn tile(
    app: &App,
    caller: &Caller,
    access: Access,
    path: String,
) -> Result<Response, ApiError> {
    let log = log_of(app)?;
    let found = read(app, caller, move || {
        log.reader().tile(&path).map_err(refuse)
    });
    let bytes = found.await?.ok_or_else(no_tile)?;
    let kept = match app.middleware().keys.needs_key(access) {
        true => OWN_FOR_EVER,
        false => FOR_EVER,
    };
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CACHE_CONTROL, kept),
    ];
    Ok((headers, bytes).into_response())
}

fn no_tile() -> ApiError {
    ApiError::NotThere {
        detail: "The decision log has no such tile".to_owned(),
    }
}

/// What a client asks to be changed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Which log has the records.
    #[serde(default)]
    log: Option<String>,
    indexes: Vec<u64>,
    because: String,
    #[serde(default)]
    before_term: bool,
}

async fn hold(app: State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    change(app, headers, body, Writer::hold).await
}

async fn release(
    app: State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    change(app, headers, body, Writer::release).await
}

async fn erase(app: State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    change(app, headers, body, Writer::erase).await
}

async fn change(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
    make: fn(&Writer, &Change, &str) -> Result<Changed, LogError>,
) -> Result<Response, ApiError> {
    let log = log_of(&app)?;
    let caller = app.middleware().keys.caller(&headers);
    let asked: Asked = said(&app, &caller, &headers, body, LONGEST_CHANGE).await?;
    log.check_id(asked.log.as_deref())?;
    let change = Change {
        indexes: asked.indexes,
        because: asked.because,
        before_term: asked.before_term,
    };
    let by = caller.name().unwrap_or_default().to_owned();
    let make = move || {
        let changed = make(log.writer(), &change, &by).map_err(refuse)?;
        // It is done, and whoever looks at a decision tries again.
        let _ = people::open_change(&log, changed.index);
        Ok(changed)
    };
    let changed = change_log(&app, &caller, make).await?;
    Ok(Json(changed).into_response())
}

/// The records that are beyond retention, of `months` or as the settings say.
async fn retain(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let log = log_of(&app)?;
    let months = match query.as_deref().unwrap_or_default() {
        "" => log.options().retention_months,
        query => query
            .strip_prefix("months=")
            .and_then(|months| months.parse().ok())
            .ok_or_else(|| ApiError::Unusable {
                detail: "The query is not known, expected months=60 or none".to_owned(),
            })?,
    };
    // Only an origin that is no ASCII text, which the program does not take, makes no header.
    let id = HeaderValue::from_str(log.id()).ok();
    let found = search(&app, &caller, move || {
        let found = log
            .reader()
            .beyond_retention(months, people::minutes_now())
            .map_err(refuse)?;
        // It may be megabytes.
        let indexes: Vec<u64> = found.into_iter().map(|found| found.index).collect();
        Ok(serde_json::to_vec(&indexes).unwrap_or_default())
    });
    let mut answer = ([(CONTENT_TYPE, media::JSON)], found.await?).into_response();
    answer.headers_mut().extend(id.map(|id| (LOG_ID, id)));
    Ok(answer)
}
