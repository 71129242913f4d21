//! The page: the files of `web/`, inside the binary.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use rust_embed::{Embed, EmbeddedFile};

use super::static_file::respond;
use crate::asset::Asset;

// No patterns of files: they would bring two regex engines. A test of `xtask` looks at what is
// in the folder.
#[derive(Embed)]
#[folder = "../web"]
struct Web;

/// What `GET /` gives a browser.
pub(crate) fn index() -> Option<Asset> {
    load("index.html")
}

/// Where people decide about applications; a browser cannot send a key when it opens a page, so
/// it and its files are open to everybody. They ask for the key of a person before anything else.
pub(crate) const OFFICER: &str = "/officer";
/// What the officer's page shares with the other one.
const SHARED: [&str; 4] = ["/dom.js", "/format.js", "/icon.svg", "/style.css"];

/// Whether a route is a file of the page that needs a key, or the model's.
pub(crate) fn is_file(route: &str) -> bool {
    match route {
        MODEL_FILE | MODEL_GLUE | MODEL_TYPES => true,
        _ if route.starts_with(OFFICER) || SHARED.contains(&route) => false,
        _ => Web::iter().any(|name| route.strip_prefix('/') == Some(&*name)),
    }
}

/// The model's file and the JavaScript that fits it, for pages and other hosts.
pub(crate) const MODEL_FILE: &str = "/model.wasm";
pub(crate) const MODEL_GLUE: &str = "/model.js";

/// The types of that JavaScript.
pub(crate) const MODEL_TYPES: &str = "/model.d.ts";

/// A route for each file, and for the officer's page.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let officer = load("officer.html").map(|page| (OFFICER.to_owned(), Arc::new(page)));
    Web::iter()
        .filter_map(|name| Some((format!("/{name}"), Arc::new(load(&name)?))))
        .chain(officer)
        .fold(Router::new(), |router, (path, file)| {
            let handler = async move |headers: HeaderMap| -> Response { respond(&file, &headers) };
            router.route(&path, get(handler))
        })
}

fn load(name: &str) -> Option<Asset> {
    let file = Web::get(name)?;
    Some(Asset::new(content_type(name), bytes(file)))
}

fn bytes(file: EmbeddedFile) -> Bytes {
    match file.data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => data.into(),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
