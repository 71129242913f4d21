//! The Open Inference Protocol, version 2, with the binary tensor extension, and KServe's
//! version 1.

mod infer;
mod tensor;
mod v1;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};

use super::score_rows::{NoScores, Output};
use crate::app::App;
use crate::host::{Description, Feature, FeatureType};
use crate::http::error::ApiError;
use crate::http::oip_error::OipError;
use crate::http::request_id::RequestId;
use crate::models::registry::Live;

/// What a row can give. A request that names none gets the first three, and with a policy the
/// outcome.
const OUTPUTS: [Output; 6] = [
    Output::Prediction,
    Output::Probability,
    Output::Label,
    Output::Outcome,
    Output::Rules,
    Output::Adjustments,
];

/// The protocol's type of a column.
fn datatype_of(output: Output) -> &'static str {
    match output {
        Output::Prediction => "INT64",
        Output::Probability => "FP64",
        Output::Label | Output::Outcome | Output::Rules | Output::Adjustments => "BYTES",
    }
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v2", get(server))
        .route("/v2/health/live", get(live))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/{name}", get(model))
        .route("/v2/models/{name}/ready", get(model_ready))
        .route("/v2/models/{name}/infer", post(infer::infer))
        .route("/v2/models/{name}/versions/{version}", get(version))
        .route(
            "/v2/models/{name}/versions/{version}/ready",
            get(version_ready),
        )
        .route(
            "/v2/models/{name}/versions/{version}/infer",
            post(infer::infer_version),
        )
        .route("/v2/repository/index", post(index))
        .route("/v1/models", get(v1::list))
        .route("/v1/models/{target}", get(v1::status).post(v1::predict))
}

/// Why there is no answer, in the protocol's form.
fn no_scores(problem: NoScores, id: &RequestId) -> OipError {
    match problem {
        NoScores::Refused(reason) => OipError::bad(reason),
        NoScores::Api(error) => error.into(),
        NoScores::Failed(_) => ApiError::fault(id).into(),
    }
}

async fn server() -> Json<Value> {
    Json(json!({
        "name": "underwrite",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": ["binary_tensor_data", "model_repository(index)"],
    }))
}

async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    let ready = app.champion().is_some();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(json!({ "ready": ready }))).into_response()
}

async fn model(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, OipError> {
    let served = app.champion_of(&name)?;
    Ok(metadata(&app, &name, served.description()))
}

async fn version(
    State(app): State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, OipError> {
    // Anybody may ask: it loads nothing.
    let version = app.known(Some(&name), &version)?;
    Ok(metadata(&app, &name, version.description()))
}

/// A tensor of one column.
#[derive(Serialize)]
struct Column<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: [i8; 2],
}

/// Anybody may ask, of models with hundreds of inputs: it is written without a tree of values.
#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    versions: Vec<&'a str>,
    platform: &'static str,
    inputs: Vec<Column<'a>>,
    outputs: Vec<Column<'a>>,
}

fn column<'a>(name: &'a str, datatype: &'static str) -> Column<'a> {
    Column {
        name,
        datatype,
        shape: [-1, 1],
    }
}

fn metadata(app: &App, name: &str, description: &Description) -> Response {
    let inputs = description.input_features();
    let inputs = inputs.map(|feature| column(&feature.name, datatype(feature)));
    let outputs = OUTPUTS.map(|output| column(output.name(), datatype_of(output)));
    let live = app.registry().get(name).and_then(|slot| slot.live());
    let versions = live.as_deref().map_or(&[][..], Live::versions).iter();
    let metadata = Metadata {
        name,
        versions: versions.map(|one| one.version()).collect(),
        platform: "underwrite_wasm",
        inputs: inputs.collect(),
        outputs: outputs.into(),
    };
    Json(metadata).into_response()
}

async fn model_ready(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, OipError> {
    app.champion_of(&name)?;
    Ok(Json(json!({ "name": name, "ready": true })))
}

async fn version_ready(
    State(app): State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<Value>, OipError> {
    app.known(Some(&name), &version)?;
    Ok(Json(
        json!({ "name": name, "version": version, "ready": true }),
    ))
}

/// A version in the index.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    reason: &'static str,
    state: &'static str,
    version: &'a str,
}

async fn index(State(app): State<Arc<App>>) -> Response {
    let slots = app.registry().all();
    let all: Vec<_> = slots
        .iter()
        .filter_map(|slot| Some((slot.name(), slot.live()?)))
        .collect();
    let entries = all.iter().flat_map(|(name, live)| {
        live.versions().iter().map(|one| Entry {
            name,
            reason: "",
            state: "READY",
            version: one.version(),
        })
    });
    Json(entries.collect::<Vec<_>>()).into_response()
}

fn datatype(feature: &Feature) -> &'static str {
    match feature.r#type {
        FeatureType::Integer => "INT64",
        FeatureType::Boolean => "BOOL",
        FeatureType::Category => "BYTES",
        FeatureType::Number | FeatureType::Unknown => "FP64",
    }
}
