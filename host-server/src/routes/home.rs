//! `GET /`: JSON for a client, the page for a browser.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::host::ModelInfo;
use crate::http::accept::{list, weighted};
use crate::http::static_file::respond;

#[derive(Serialize)]
struct Home<'a> {
    status: &'static str,
    name: String,
    version: &'a str,
    description: &'a str,
    model_loaded: bool,
    model: &'a ModelInfo,
    features_count: usize,
    categorical_count: usize,
    boolean_count: usize,
}

pub(super) async fn home(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let page = app.page().filter(|_| prefers_html(&headers));
    let mut response = match page {
        Some(page) => respond(page, &headers),
        None => summary(&app),
    };
    response
        .headers_mut()
        .append(VARY, HeaderValue::from_static("accept"));
    response
}

fn summary(app: &App) -> Response {
    let Some(served) = app.champion() else {
        let home = match app.name() {
            Some(name) => json!({ "status": "ok", "name": name, "model_loaded": false }),
            None => json!({ "status": "ok", "model_loaded": false }),
        };
        return Json(home).into_response();
    };
    let description = served.description();
    let model = &description.model;
    Json(Home {
        status: "ok",
        name: app.name().unwrap_or_default(),
        version: &model.version,
        description: &model.description,
        model_loaded: true,
        model,
        features_count: description.count(None),
        categorical_count: description.count(Some("category")),
        boolean_count: description.count(Some("boolean")),
    })
    .into_response()
}

/// Whether `Accept` weighs `text/html` above `application/json`.
fn prefers_html(headers: &HeaderMap) -> bool {
    weight(headers, "text/html") > weight(headers, "application/json")
}

/// The weight that `Accept` gives to a media type: of the most exact range that covers
/// it (RFC 9110, 12.5.1); 0 when none does.
fn weight(headers: &HeaderMap, media_type: &str) -> f32 {
    let family = media_type.split('/').next().unwrap_or_default();
    let exactness = |range: &str| match range.to_ascii_lowercase() {
        range if range == media_type => Some(2),
        range if range.strip_suffix("/*") == Some(family) => Some(1),
        range if range == "*/*" => Some(0),
        _ => None,
    };
    list(headers, ACCEPT)
        .map(weighted)
        .filter_map(|(range, q)| Some((exactness(range)?, q)))
        .max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
        .map_or(0.0, |(_, q)| q)
}
