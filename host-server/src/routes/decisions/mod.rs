//! `/decisions…`: what loan officers do with recorded decisions. The keys of people alone open
//! these routes, and nothing else opens with them.

mod asker;
mod one;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use model_http::media;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinError;

use self::asker::Asker;
use super::rows::is_object;
use crate::app::App;
use crate::http::admission::Work;
use crate::http::body::{check_json, check_plain};
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::models::score::Outcome as Decided;
use crate::record::DecisionLog;
use crate::record::people::{self, LONGEST_NOTE, State as CaseState, Wanted};

/// The longest body of what a person says, in bytes.
const LONGEST_BODY: usize = 64 << 10;

/// Decisions on a page: usually, and at most.
const USUAL_PAGE: usize = 50;
const LONGEST_PAGE: usize = 200;

/// What is about applicants is kept by no cache.
const PRIVATE: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/decisions", get(list))
        .route("/decisions/me", get(me))
        .route("/decisions/log", get(log))
        .route("/decisions/{index}", get(one::show))
        .route("/decisions/{index}/override", post(one::decide))
        .route("/decisions/{index}/notice", post(one::notice))
        .route("/decisions/{index}/performance", post(one::perform))
}

/// Who asks, and what that person may say.
async fn me(asker: Asker) -> Response {
    let options = asker.log.options();
    let reasons = options.reasons.iter();
    let reasons = reasons.map(|reason| json!({ "code": reason.code, "text": reason.text }));
    private(&json!({
        "name": asker.person.name,
        "role": asker.person.role.as_str(),
        "four_eyes": options.four_eyes,
        "reasons": reasons.collect::<Vec<_>>(),
        "note_limit": LONGEST_NOTE,
    }))
}

/// Whether the log is sound.
async fn log(State(app): Shared, asker: Asker) -> Result<Response, ApiError> {
    let (caller, log) = (asker.caller, asker.log);
    let state = look(&app, &caller, move || sound(&log)).await?;
    Ok(private(&state))
}

fn sound(log: &DecisionLog) -> Result<Value, ApiError> {
    let status = log.writer().status();
    let (open, proposed) = people::count_waiting(log)?;
    let note = log.writer().checkpoint();
    // A note's first lines are its origin, its size and its root.
    let mut lines = note.lines().skip(1);
    let size: Option<u64> = lines.next().and_then(|line| line.parse().ok());
    let checkpoint = size.map(|size| json!({ "size": size, "root": lines.next(), "time": null }));
    let state = match status.stopped {
        None => "running",
        Some(_) => "stopped",
    };
    Ok(json!({
        "state": state,
        "reason": status.stopped,
        "records": status.records,
        "decisions": log.metrics().decisions_counted(),
        "open": open,
        "proposed": proposed,
        "checkpoint": checkpoint,
        "recovered_bytes": log.metrics().bytes_recovered(),
        "unrecorded": log.metrics().without_record(),
    }))
}

async fn list(
    State(app): Shared,
    asker: Asker,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let wanted = wanted(query.as_deref().unwrap_or_default())?;
    let caller = asker.caller;
    let is_of_queue = wanted.is_of_queue();
    // A page may have megabytes: it is written where it is read.
    let list = move || {
        let page = people::list(&asker.log, &wanted)?;
        Ok::<_, ApiError>(serde_json::to_vec(&page).unwrap_or_default())
    };
    let page = match is_of_queue {
        true => look(&app, &caller, list).await?,
        false => search(&app, &caller, list).await?,
    };
    Ok((PRIVATE, [(CONTENT_TYPE, media::JSON)], page).into_response())
}

/// What a query asks for. No value that it may have is escaped, but a comma.
fn wanted(query: &str) -> Result<Wanted, ApiError> {
    let mut wanted = Wanted {
        outcome: None,
        states: Vec::new(),
        newest_first: false,
        after: None,
        limit: USUAL_PAGE,
    };
    let mut order = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace("%2C", ",").replace("%2c", ",");
        let value = value.as_str();
        match key {
            "outcome" => wanted.outcome = Some(outcome(value)?),
            "state" => wanted.states = states(value)?,
            "order" => order = Some(is_newest(value)?),
            "after" => wanted.after = Some(number(key, value)?),
            "limit" => wanted.limit = limit(number(key, value)?)?,
            _ => {
                return Err(unusable(
                    "The query has a key that is not known, expected outcome, state, order, after or limit",
                ));
            }
        }
    }
    let waits = |state: &CaseState| matches!(state, CaseState::Open | CaseState::Proposed);
    wanted.newest_first = order.unwrap_or(!wanted.states.iter().any(waits));
    Ok(wanted)
}

fn outcome(value: &str) -> Result<model_log::Outcome, ApiError> {
    match Decided::ALL.into_iter().find(|one| one.word() == value) {
        Some(Decided::Approve) => Ok(model_log::Outcome::Approve),
        Some(Decided::Refer) => Ok(model_log::Outcome::Refer),
        Some(Decided::Decline) => Ok(model_log::Outcome::Decline),
        None => Err(unusable(
            "outcome is not known, expected approve, refer or decline",
        )),
    }
}

/// Each once, however often it is named: every decision of the log is compared with all of them.
fn states(value: &str) -> Result<Vec<CaseState>, ApiError> {
    let mut states = Vec::new();
    for name in value.split(',') {
        let state = state(name)?;
        if !states.contains(&state) {
            states.push(state);
        }
    }
    Ok(states)
}

fn state(value: &str) -> Result<CaseState, ApiError> {
    let found = CaseState::ALL.into_iter().find(|one| one.as_str() == value);
    found.ok_or_else(|| {
        unusable("state is not known, expected open, proposed, decided or erased, or several with commas")
    })
}

fn is_newest(value: &str) -> Result<bool, ApiError> {
    match value {
        "newest" => Ok(true),
        "oldest" => Ok(false),
        _ => Err(unusable("order is not known, expected oldest or newest")),
    }
}

fn number(key: &str, value: &str) -> Result<u64, ApiError> {
    let number = value.parse();
    number.map_err(|_| {
        unusable(&format!(
            "{key} is no number, expected a whole number from 0"
        ))
    })
}

fn limit(number: u64) -> Result<usize, ApiError> {
    match usize::try_from(number) {
        Ok(limit @ 1..=LONGEST_PAGE) => Ok(limit),
        _ => Err(unusable(&format!(
            "limit is {number}, expected 1 to {LONGEST_PAGE}"
        ))),
    }
}

/// Reads what somebody says, of at most `longest` bytes.
pub(super) async fn said<T: DeserializeOwned + Send + 'static>(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
    longest: usize,
) -> Result<T, ApiError> {
    check_json(headers)?;
    check_plain(headers)?;
    let body = app.read_up_to(caller, body, longest + 1).await?;
    if body.len() > longest {
        return Err(ApiError::TooLong {
            detail: format!("The body is longer than {longest} bytes"),
        });
    }
    if body.len() <= LONGEST_BODY {
        return parse(&body);
    }
    let kind = Work::reading(body.len());
    let read = app.admission().work(kind, caller, move || parse(&body));
    read.await.unwrap_or_else(failed)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json);
    let words = read.map_err(|error| {
        let (field, error) = (error.path().to_string(), error.into_inner());
        match error.is_data() {
            true if !is_object(body) => unusable("The body is not a JSON object"),
            true => unusable(&named(&field, &error.to_string())),
            false => not_json(&error),
        }
    })?;
    json.end().map_err(|error| not_json(&error))?;
    // The derived code takes a list of the values too.
    match is_object(body) {
        true => Ok(words),
        false => Err(unusable("The body is not a JSON object")),
    }
}

/// What is wrong with a field, or with the whole body, whose path is `.`; a sentence about a
/// field that is missing or unknown has its name already.
fn named(field: &str, problem: &str) -> String {
    match field == "." || problem.contains(&format!("field `{field}`")) {
        true => problem.to_owned(),
        false => format!("{field}: {problem}"),
    }
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::Malformed {
        detail: format!("The body is no JSON: {error}"),
    }
}

/// Reads a little on another thread, when it is its turn. What has begun goes on to its end, whether
/// or not the client stays.
pub(super) async fn read<T: Send + 'static>(
    app: &App,
    caller: &Caller,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = app.admission().piece(caller, work).await;
    done.unwrap_or_else(failed)
}

/// The same for what waits for people, one decision, and what is said of it: nobody waits for whoever
/// looks through the whole log.
pub(super) async fn look<T: Send + 'static>(
    app: &App,
    caller: &Caller,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = app.admission().work(Work::LogLook, caller, work).await;
    done.unwrap_or_else(failed)
}

/// The same for what looks through the whole log, when it is its turn.
pub(super) async fn search<T: Send + 'static>(
    app: &App,
    caller: &Caller,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = app.admission().work(Work::LogSearch, caller, work).await;
    done.unwrap_or_else(failed)
}

/// The same for a hold, a release or an erasure, with a permit for long work.
pub(super) async fn change_log<T: Send + 'static>(
    app: &App,
    caller: &Caller,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let permit = app.begin_long(caller)?;
    let work = move || {
        let _permit = permit;
        work()
    };
    let done = app.admission().work(Work::LogChange, caller, work).await;
    done.unwrap_or_else(failed)
}

fn failed<T>(error: JoinError) -> Result<T, ApiError> {
    tracing::error!(%error, "work on the decision log failed");
    Err(ApiError::NotRecorded {
        reason: "the work on the decision log failed".to_owned(),
    })
}

fn private(value: &impl Serialize) -> Response {
    (PRIVATE, Json(value)).into_response()
}

fn unusable(sentence: &str) -> ApiError {
    ApiError::Unusable {
        detail: sentence.to_owned(),
    }
}

/// The log of a server that keeps one.
pub(super) fn log_of(app: &App) -> Result<Arc<DecisionLog>, ApiError> {
    app.log().cloned().ok_or_else(|| ApiError::NotThere {
        detail: "The server keeps no decision log: start it with --decision-log FOLDER".to_owned(),
    })
}

/// What handlers take the state as.
type Shared = State<Arc<App>>;
