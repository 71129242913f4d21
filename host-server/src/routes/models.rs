//! `GET /models` and below: what is being served.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::app::App;
use crate::http::answers::counted;
use crate::http::error::ApiError;
use crate::models::registry::{Mode, Slot};

pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let models: Vec<Value> = app
        .registry()
        .all()
        .iter()
        .map(|slot| describe(&app, slot))
        .collect();
    Json(json!({ "models": models }))
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    match app.registry().get(&name) {
        Some(slot) => Ok(Json(describe(&app, &slot))),
        None => Err(ApiError::NoSuchModel { name }),
    }
}

/// What the model says of itself: features, ranges, labels, where it comes from.
pub(super) async fn schema(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let json = app.champion_of(&name)?.description_json().clone();
    let content_type = [(CONTENT_TYPE, "application/json")];
    Ok(counted((content_type, json).into_response()))
}

fn describe(app: &App, slot: &Slot) -> Value {
    let Some(live) = slot.live() else {
        return json!({ "name": slot.name(), "ready": false });
    };
    let versions: Vec<Value> = live
        .versions()
        .into_iter()
        .map(|one| {
            let loaded = one.loaded().is_some();
            let mut version =
                json!({ "version": one.version(), "model": one.model(), "loaded": loaded });
            if let Some(signer) = one.signer() {
                version["signed_by"] = json!(signer);
            }
            version
        })
        .collect();
    let challenger = live.challenger().map(|(served, mode)| {
        json!({
            "version": served.version(),
            "mode": match mode { Mode::Shadow => "shadow", Mode::Canary => "canary" },
        })
    });
    json!({
        "name": slot.name(),
        "ready": true,
        "default": app.registry().is_default(slot),
        "version": live.champion.version(),
        "versions": versions,
        "challenger": challenger,
    })
}
