//! `GET /openapi.json`: the API with the fields, ranges and examples of the model that
//! answers; and `GET /docs`, a page that shows it.

mod application;
mod log;
mod paths;
mod reference;
mod schemas;

use std::sync::{Arc, LazyLock, Weak};

use arc_swap::ArcSwapOption;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Value, json};

use crate::app::App;
use crate::asset::Asset;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::middleware::access;
use crate::http::request_id::RequestId;
use crate::http::static_file::respond;
use crate::models::registry::Served;

static PAGE: LazyLock<Asset> = LazyLock::new(|| {
    file(
        "text/html; charset=utf-8",
        include_bytes!("../../../assets/docs.html"),
    )
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    file(
        "text/javascript; charset=utf-8",
        include_bytes!("../../../assets/docs.js"),
    )
});
static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    file(
        "text/css; charset=utf-8",
        include_bytes!("../../../assets/docs.css"),
    )
});

pub(super) fn routes() -> Router<Arc<App>> {
    let kept = Arc::new(Kept::default());
    let openapi = async move |State(app): State<Arc<App>>,
                              Extension(id): Extension<RequestId>,
                              Extension(caller): Extension<Caller>,
                              headers: HeaderMap|
                -> Result<Response, ApiError> {
        let document = match kept.now(app.champion().as_ref(), app.middleware().keys.replaced()) {
            Some(document) => document,
            None => {
                let (kept, about) = (Arc::clone(&kept), Arc::clone(&app));
                let write = move || kept.document(&about);
                app.pack(&id, &caller, write).await?
            }
        };
        Ok(respond(&document.file, &headers))
    };
    Router::new()
        .route("/openapi.json", get(openapi))
        .route(
            "/docs",
            get(async |headers: HeaderMap| -> Response { respond(&PAGE, &headers) }),
        )
        .route(
            "/docs.js",
            get(async |headers: HeaderMap| -> Response { respond(&SCRIPT, &headers) }),
        )
        .route(
            "/docs.css",
            get(async |headers: HeaderMap| -> Response { respond(&STYLE, &headers) }),
        )
}

fn file(content_type: &'static str, bytes: &'static [u8]) -> Asset {
    Asset::new(content_type, Bytes::from_static(bytes))
}

/// The document is written once for each model that answers and each change of keys, on a thread for
/// long work: it takes milliseconds, and anybody may ask for it.
#[derive(Default)]
struct Kept(ArcSwapOption<Document>);

struct Document {
    /// The model that it is about. What is weak keeps its address from being used again.
    about: Option<Weak<Served>>,
    /// Of which of the keys it says what they open.
    keys: u64,
    file: Asset,
}

impl Kept {
    /// The document about this model and these keys, if that was written last.
    fn now(&self, served: Option<&Arc<Served>>, keys: u64) -> Option<Arc<Document>> {
        let kept = self.0.load_full();
        kept.filter(|kept| kept.keys == keys && kept.is_about(served))
    }

    fn document(&self, app: &App) -> Arc<Document> {
        let served = app.champion();
        // Before they are looked at: what is replaced meanwhile is written again.
        let keys = app.middleware().keys.replaced();
        if let Some(kept) = self.now(served.as_ref(), keys) {
            return kept;
        }
        let bytes = openapi(app, served.as_deref()).to_string().into();
        let written = Arc::new(Document {
            about: served.as_ref().map(Arc::downgrade),
            keys,
            file: Asset::new("application/json", bytes),
        });
        self.0.store(Some(Arc::clone(&written)));
        written
    }
}

impl Document {
    fn is_about(&self, served: Option<&Arc<Served>>) -> bool {
        match (&self.about, served) {
            (Some(about), Some(served)) => about.as_ptr() == Arc::as_ptr(served),
            (None, None) => true,
            _ => false,
        }
    }
}

fn openapi(app: &App, served: Option<&Served>) -> Value {
    let description = served.map(Served::description);
    let missing = served.map(Served::missing_values).unwrap_or_default();
    let (mut paths, mut schemas) = (paths::all(app), schemas::all(description, &missing));
    if app.log().is_some() {
        log::add(&mut paths, &mut schemas);
    }
    let is_secured = secure(app, &mut paths);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": app.name().unwrap_or_else(|| "Underwrite".to_owned()),
            "version": description.map_or("0", |description| description.model.version.as_str()),
            "description": about(description.map(|description| description.model.description.as_str())),
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        // The server that the document came from, whatever stands before it.
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas },
    });
    if is_secured {
        document["components"]["securitySchemes"] = json!({
            "key": { "type": "apiKey", "in": "header", "name": "x-api-key" },
            "bearer": { "type": "http", "scheme": "bearer" },
        });
    }
    document
}

/// Says of each operation that is not for everybody whether it needs a key; whether any does.
fn secure(app: &App, paths: &mut Value) -> bool {
    let mut is_secured = false;
    for (path, operations) in paths.as_object_mut().into_iter().flatten() {
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            let Some(access) = access(path, method == "post") else {
                continue;
            };
            let needs_key = app.middleware().keys.needs_key(access);
            operation["security"] = match needs_key {
                true => json!([{ "key": [] }, { "bearer": [] }]),
                false => json!([]),
            };
            is_secured |= needs_key;
        }
    }
    is_secured
}

fn about(model: Option<&str>) -> String {
    let model = model.unwrap_or("There is no model yet.");
    format!(
        "{model}\n\nThe server also implements the Open Inference Protocol (`/v2`, `/v1`) and MLflow's \
         scoring protocol (`/invocations`, `/ping`, `/version`), as specified there."
    )
}
