//! One decision: what is recorded about it, and what a person says of it.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model_http::media;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::super::answer::RECEIPT;
use super::super::question::{asks_for_recourse, work};
use super::asker::Asker;
use super::{LONGEST_BODY, PRIVATE, Shared, said, search};
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::person::Person;
use crate::models::registry::Served;
use crate::record::DecisionLog;
use crate::record::people::{self, Explained, Said, Shown};

/// What is recorded about a decision; and, where the file that decided is loaded, its rules and
/// its reasons in words. 410 with what is left where the content was erased.
pub(super) async fn show(
    State(app): Shared,
    asker: Asker,
    Path(index): Path<String>,
) -> Result<Response, ApiError> {
    let index = read_index(&index)?;
    let caller = asker.caller;
    let shown = search(&app, &caller, move || people::show(&asker.log, index)).await?;
    if shown.is_erased {
        return Ok((StatusCode::GONE, PRIVATE, Json(shown.to_gone())).into_response());
    }
    let explained = match served(&app, &shown.file) {
        None => Explained::default(),
        Some(served) => explain(&app, &caller, served, &shown).await,
    };
    let json = [(CONTENT_TYPE, media::JSON)];
    Ok((PRIVATE, json, shown.into_json(explained)).into_response())
}

/// The model that decided, if it is loaded.
fn served(app: &App, file: &[u8; 32]) -> Option<Arc<Served>> {
    let slots = app.registry().all();
    let lives = slots.iter().filter_map(|slot| slot.live());
    let mut loaded = lives.flat_map(|live| live.loaded());
    loaded.find(|served| served.file_sha256() == file)
}

/// What the model says about its decision; it is the same at any time.
async fn explain(app: &App, caller: &Caller, served: Arc<Served>, shown: &Shown) -> Explained {
    let model = served.description();
    let policy = model.policy.as_ref();
    let codes = shown.rules();
    let rules = policy.iter().flat_map(|policy| &policy.rules);
    let rules = rules.filter(|rule| codes.contains(&rule.code));
    let rules = rules.map(|rule| (rule.code.clone(), model.text_of(rule).to_owned()));
    let rules = rules.collect();
    let request = Bytes::from(shown.request.clone());
    let kind = work(asks_for_recourse(&request));
    let explain = move || match served.explains() {
        true => served.explain(&request).ok(),
        false => None,
    };
    let explanation = app.admission().work(kind, caller, explain).await;
    let explanation = explanation.ok().flatten();
    let explanation = explanation.filter(|explanation| explanation.status == 200);
    Explained {
        rules,
        explanation: explanation.map(|explanation| explanation.body),
    }
}

/// A person decides.
pub(super) async fn decide(
    app: Shared,
    asker: Asker,
    index: Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    say(app, asker, index, &headers, body, people::decide).await
}

/// The applicant was told.
pub(super) async fn notice(
    app: Shared,
    asker: Asker,
    index: Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    say(app, asker, index, &headers, body, people::notice).await
}

/// How the loan went.
pub(super) async fn perform(
    app: Shared,
    asker: Asker,
    index: Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    say(app, asker, index, &headers, body, people::perform).await
}

async fn say<T: DeserializeOwned + Send + 'static>(
    State(app): Shared,
    asker: Asker,
    Path(index): Path<String>,
    headers: &HeaderMap,
    body: Body,
    record: fn(&DecisionLog, &Person, u64, T) -> Result<Said, ApiError>,
) -> Result<Response, ApiError> {
    let index = read_index(&index)?;
    let Asker {
        log,
        person,
        caller,
    } = asker;
    let words: T = said(&app, &caller, headers, body, LONGEST_BODY).await?;
    let recorded = search(&app, &caller, move || record(&log, &person, index, words));
    let Said { receipt, state } = recorded.await?;
    let body = json!({
        "index": receipt.index,
        "leaf": receipt.leaf,
        "state": state.as_str(),
    });
    let header = [(RECEIPT, receipt.to_string())];
    Ok((StatusCode::CREATED, header, Json(body)).into_response())
}

fn read_index(text: &str) -> Result<u64, ApiError> {
    // Each decision has one address: no sign, no zeros before.
    let index = text.parse().ok();
    let index = index.filter(|index: &u64| index.to_string() == text);
    index.ok_or_else(|| ApiError::NotThere {
        detail: "There is no such decision: its index is a whole number from 0".to_owned(),
    })
}
