//! `GET /models` and below: what is being served.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::host::ModelInfo;
use crate::http::answers::counted;
use crate::http::error::ApiError;
use crate::models::registry::{Live, Mode, Signer, Slot};

/// Anybody may ask, of hundreds of versions: it is written without a tree of values.
#[derive(Serialize)]
#[serde(untagged)]
enum Model<'a> {
    Ready {
        challenger: Option<Challenger<'a>>,
        default: bool,
        name: &'a str,
        ready: bool,
        version: &'a str,
        versions: Vec<Version<'a>>,
    },
    NotReady {
        name: &'a str,
        ready: bool,
    },
}

#[derive(Serialize)]
struct Challenger<'a> {
    mode: &'static str,
    version: &'a str,
}

#[derive(Serialize)]
struct Version<'a> {
    loaded: bool,
    model: &'a ModelInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<SignedBy<'a>>,
    version: &'a str,
}

#[derive(Serialize)]
struct SignedBy<'a> {
    key: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Models<'a> {
    models: Vec<Model<'a>>,
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Response {
    let slots = app.registry().all();
    let all: Vec<_> = slots.iter().map(|slot| (slot, slot.live())).collect();
    let models = all.iter();
    let models = models.map(|(slot, live)| describe(&app, slot, live.as_deref()));
    let models = models.collect();
    Json(Models { models }).into_response()
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    match app.registry().get(&name) {
        Some(slot) => {
            let live = slot.live();
            Ok(Json(describe(&app, &slot, live.as_deref())).into_response())
        }
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

fn describe<'a>(app: &App, slot: &'a Slot, live: Option<&'a Live>) -> Model<'a> {
    let name = slot.name();
    let Some(live) = live else {
        return Model::NotReady { name, ready: false };
    };
    let versions = live.versions().iter().map(|one| Version {
        loaded: one.loaded().is_some(),
        model: one.model(),
        signed_by: one
            .signer()
            .map(|Signer { name, key }| SignedBy { key, name }),
        version: one.version(),
    });
    let challenger = live.challenger().map(|(served, mode)| Challenger {
        mode: match mode {
            Mode::Shadow => "shadow",
            Mode::Canary => "canary",
        },
        version: served.version(),
    });
    Model::Ready {
        challenger,
        default: app.registry().is_default(slot),
        name,
        ready: true,
        version: live.champion.version(),
        versions: versions.collect(),
    }
}
