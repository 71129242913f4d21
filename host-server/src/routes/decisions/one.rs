//! One decision: what is recorded about it, and what a person says of it.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model_http::media;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::super::answer::RECEIPT;
use super::super::question::{asks_for_recourse, work};
use super::asker::Asker;
use super::{LONGEST_BODY, PRIVATE, Shared, look, read, said, unusable};
use crate::app::App;
use crate::host::{Decision, Description};
use crate::http::admission::Work;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::person::Person;
use crate::models::registry::Served;
use crate::record::people::{self, Explained, Said, Shown};
use crate::record::{DecisionLog, KeptModel};

/// What is recorded about a decision; and, where the file that decided can still be loaded, its
/// rules and its reasons in words. 410 with what is left where the content was erased.
pub(super) async fn show(
    State(app): Shared,
    asker: Asker,
    Path(index): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let index = read_index(&index)?;
    let before = before(query.as_deref().unwrap_or_default())?;
    let (caller, log) = (asker.caller, asker.log);
    let shown = {
        let log = Arc::clone(&log);
        look(&app, &caller, move || people::show(&log, index, before)).await?
    };
    let json = [(CONTENT_TYPE, media::JSON)];
    if shown.is_erased {
        let body = read(&app, &caller, move || Ok(shown.to_gone())).await?;
        return Ok((StatusCode::GONE, PRIVATE, json, body).into_response());
    }
    let explained = match decider(&app, &caller, log, shown.file).await {
        None => None,
        Some(decider) => Some(explain(&app, &caller, decider, &shown).await),
    };
    // It may be megabytes.
    let body = read(&app, &caller, move || Ok(shown.into_json(explained))).await?;
    Ok((PRIVATE, json, body).into_response())
}

/// Before which record the history is to end.
fn before(query: &str) -> Result<Option<u64>, ApiError> {
    let number = query.strip_prefix("before=").map(str::parse);
    match (query, number) {
        ("", _) => Ok(None),
        (_, Some(Ok(before))) => Ok(Some(before)),
        _ => Err(unusable(
            "The query is not known, expected before=4711 or none",
        )),
    }
}

/// The model that decided.
enum Decider {
    Served(Arc<Served>),
    /// It is no longer loaded; this is its file beside the log.
    Kept(Arc<KeptModel>),
}

impl Decider {
    fn description(&self) -> &Description {
        match self {
            Self::Served(served) => served.description(),
            Self::Kept(kept) => kept.host.description(),
        }
    }

    /// Why it decided this so; `None` where its module cannot say.
    fn explain(&self, request: &[u8]) -> Option<Decision> {
        match self {
            Self::Served(served) if served.explains() => served.explain(request).ok(),
            Self::Kept(kept) if kept.host.explains() => kept.host.explain(request).ok(),
            Self::Served(_) | Self::Kept(_) => None,
        }
    }
}

/// The model that decided: one that is loaded, else its file beside the log, which is loaded as a
/// version is that is asked for by name. `None` where that file cannot be loaded.
async fn decider(
    app: &App,
    caller: &Caller,
    log: Arc<DecisionLog>,
    file: [u8; 32],
) -> Option<Decider> {
    if let Some(served) = served(app, &file) {
        return Some(Decider::Served(served));
    }
    if let Some(kept) = log.kept_model(&file) {
        return Some(Decider::Kept(kept));
    }
    let registry = Arc::clone(app.registry());
    let load = move || log.load_kept_model(&file, &registry);
    let loaded = app.admission().work(Work::Load, caller, load).await;
    Some(Decider::Kept(loaded.ok().flatten()?))
}

/// The model that decided, if it is loaded.
fn served(app: &App, file: &[u8; 32]) -> Option<Arc<Served>> {
    let slots = app.registry().all();
    let lives = slots.iter().filter_map(|slot| slot.live());
    let mut loaded = lives.flat_map(|live| live.loaded());
    loaded.find(|served| served.file_sha256() == file)
}

/// What the model says about its decision; it is the same at any time.
async fn explain(app: &App, caller: &Caller, decider: Decider, shown: &Shown) -> Explained {
    let model = decider.description();
    let policy = model.policy.as_ref();
    let codes = shown.rules();
    let rules = policy.iter().flat_map(|policy| &policy.rules);
    let rules = rules.filter(|rule| codes.contains(&rule.code));
    let rules = rules.map(|rule| (rule.code.clone(), model.text_of(rule).to_owned()));
    let rules = rules.collect();
    let request = Bytes::from(shown.request.clone());
    let kind = work(asks_for_recourse(&request));
    let explain = move || decider.explain(&request);
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
    let id = log.id().to_owned();
    let recorded = look(&app, &caller, move || record(&log, &person, index, words));
    let Said { receipt, state } = recorded.await?;
    let body = json!({
        "log": id,
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
