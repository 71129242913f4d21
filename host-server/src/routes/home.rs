//! `GET /`: JSON for a client, the page for a browser.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use model_http::accept::prefers_html;
use model_http::media;
use model_http::summary::{FeatureCounts, ModelId, Root};

use crate::app::App;
use crate::host::{FeatureType, ModelInfo};
use crate::http::static_file::{respond, values};

pub(super) async fn home(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let page = app
        .page()
        .filter(|_| prefers_html(values(&headers, ACCEPT)));
    let mut response = match page {
        Some(page) => respond(page, &headers),
        None => ([(CONTENT_TYPE, media::JSON)], summary(&app)).into_response(),
    };
    response
        .headers_mut()
        .append(VARY, HeaderValue::from_static("accept"));
    response
}

fn summary(app: &App) -> Vec<u8> {
    let Some(served) = app.champion() else {
        return Root::without_model(app.name().as_deref());
    };
    let description = served.description();
    Root {
        name: &app.name().unwrap_or_default(),
        description: &description.model.description,
        model: model_id(&description.model),
        features: FeatureCounts {
            all: description.count(None),
            categorical: description.count(Some(FeatureType::Category)),
            boolean: description.count(Some(FeatureType::Boolean)),
        },
    }
    .to_json()
}

/// Which model answers, as the bodies of `/` and `/health` have it.
pub(super) fn model_id(model: &ModelInfo) -> ModelId<'_> {
    ModelId {
        name: &model.name,
        version: &model.version,
        digest: &model.digest,
    }
}
