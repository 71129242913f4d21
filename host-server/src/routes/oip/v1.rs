//! KServe's version 1: `POST /v1/models/{name}:predict`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Json};
use model_http::Refusal;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::answer::receipt;
use super::super::rows::{Table, Unreadable, parse, short};
use super::super::score_rows::{Asked, NoScores, score};
use super::super::scores_answer::predictions;
use super::no_scores;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::oip_error::OipError;
use crate::http::request_id::RequestId;
use crate::models::registry::{Affinity, Served};
use crate::record::Call;

const ROUTE: &str = "/v1/models/{name}:predict";

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    instances: &'a RawValue,
    #[serde(default, deserialize_with = "short")]
    parameters: Option<Parameters>,
}

#[derive(Default, Deserialize)]
struct Parameters {
    /// Whether each prediction is to be an object with the outcome beside it.
    #[serde(default, deserialize_with = "short")]
    outcome: Option<bool>,
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let slots = app.registry().all();
    let names: Vec<&str> = slots.iter().map(|slot| slot.name()).collect();
    Json(json!({ "models": names }))
}

pub(super) async fn status(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, OipError> {
    app.champion_of(&name)?;
    Ok(Json(json!({ "name": name, "ready": true })))
}

/// The verb is part of the last segment; a client may have sent its colon as `%3A`.
pub(super) async fn predict(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    Path(target): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, OipError> {
    let name = target
        .strip_suffix(":predict")
        .ok_or(ApiError::from(Refusal::NotFound))?;
    let call = Call::new(&id, &caller, &headers, ROUTE);
    let target = app.target(Some(name), Affinity::by_id(id.given()))?;
    let version = target.served.version().to_owned();
    let most = app.limits().batch_rows;
    let packed = app.read_batch(&call, body).await?;
    let read = move |served: &Served, body: &Bytes| {
        let expected = |reason: &str| {
            let sentence = format!("expected {{\"instances\": [...]}}: {reason}");
            NoScores::Refused(sentence)
        };
        let request: Request<'_> = parse(body).map_err(|error| match error {
            Unreadable::Json(error) => expected(&error.to_string()),
            _ => expected("it is not an object"),
        })?;
        let rows = request.instances.get().as_bytes();
        let table = Table::of_rows(body, rows, served.description(), most);
        let table = table.map_err(|error| NoScores::unreadable(error, most))?;
        let with_outcome = request.parameters.unwrap_or_default().outcome;
        let mut asked = Asked::of(served.description());
        asked.with_outcome = with_outcome.unwrap_or(false);
        Ok((table, asked))
    };
    let scored = Box::pin(score(&app, &call, target, packed, read)).await;
    let mut scored = scored.map_err(|problem| no_scores(problem, &id))?;
    let mut response = predictions(&app, &call, scored.head, &mut scored.scores).await?;
    scored.scores.write_headers(&version, &mut response);
    receipt(&mut response, scored.written);
    Ok(response)
}
