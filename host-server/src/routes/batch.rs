//! `POST /predict/batch`: many applications at once, answered in order; one that is refused
//! is answered with its error, and the others are decided. A long answer is written while the
//! client reads it.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::Response;
use model_core::json;
use model_http::media;

use super::batch_answer::Form as AnswerForm;
use super::ndjson::{self, Ongoing};
use super::pieces::Batch;
use super::refusal::wrong_names;
use super::rows::{Table, Unreadable};
use crate::app::App;
use crate::http::admission::Work;
use crate::http::body::{ContentType, check_plain};
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;
use crate::models::registry::{Affinity, Served};
use crate::record::{Call, Kind};

const ROUTE: &str = "/predict/batch";
const ROUTE_NAMED: &str = "/models/{name}/predict/batch";

/// The form of a batch.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Array,
    Lines,
    Csv,
}

pub(super) async fn batch(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &caller, &headers, ROUTE);
    answer(app, call, body, None).await
}

pub(super) async fn batch_named(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &caller, &headers, ROUTE_NAMED);
    answer(app, call, body, Some(&name)).await
}

async fn answer(
    app: Arc<App>,
    call: Call<'_>,
    body: Body,
    name: Option<&str>,
) -> Result<Response, ApiError> {
    let form = form(call.headers)?;
    let target = app.target(name, Affinity::by_id(call.id.given()))?;
    let mut recorder = app.recorder(&call, &target, Kind::Decision)?;
    let served = target.served;
    if form == Form::Lines {
        check_plain(call.headers)?;
        let ongoing = Ongoing::new(app, name, served, call.headers)?;
        let lines = ndjson::answer(ongoing, call.caller.clone(), recorder, body);
        return Box::pin(lines).await;
    }
    let answers = match form == Form::Csv && !wants_json(call.headers) {
        true => AnswerForm::Csv,
        false => AnswerForm::Json,
    };
    let packed = app.read_batch(&call, body).await?;
    let permit = app.begin_long(call.caller)?;
    let body = app.unpack(&call, packed).await?;
    let most = app.limits().batch_rows;
    let memory = app.admission().memory(call.caller);
    let caller = call.caller.clone();
    let kind = Work::reading(body.len());
    let work = move || {
        let table = match form {
            Form::Csv => read_csv(&served, &body, most).inspect(|table| {
                if let Some(recorder) = &mut recorder {
                    recorder.body_of_one(&body, table.len());
                }
            }),
            _ => Table::of_objects(&body, &body, most)
                .map_err(|error| refuse_array(error, &body, most)),
        }?;
        let batch = Batch::new(caller, served, table, answers, recorder);
        let (batch, first) = batch.hold(&memory)?.first(&memory)?;
        Ok((batch, first, permit))
    };
    // The permit is kept while rows are recorded, not while a slow client takes the answer.
    let (batch, first, _permit) = app
        .admission()
        .work(kind, call.caller, work)
        .await
        .unwrap_or_else(|error| {
            tracing::error!(request_id = call.id.as_uuid(), %error, "no batch");
            Err(ApiError::fault(call.id))
        })?;
    Box::pin(batch.respond(app, call.id, first)).await
}

fn form(headers: &HeaderMap) -> Result<Form, ApiError> {
    match ContentType::read(headers) {
        None => Ok(Form::Array),
        Some(given) if given.is_json() => Ok(Form::Array),
        Some(given) if media::is_ndjson(&given.essence) => Ok(Form::Lines),
        Some(given) if given.essence == "text/csv" => Ok(Form::Csv),
        Some(given) => Err(ApiError::NotABatch {
            content_type: given.header,
        }),
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .is_some_and(|accept| accept.as_bytes().starts_with(b"application/json"))
}

fn read_csv(served: &Served, body: &Bytes, most: usize) -> Result<Table, ApiError> {
    csv_table(body, served, most).map_err(|error| match error {
        Unreadable::TooManyRows => ApiError::TooManyRows { most },
        other => ApiError::Malformed {
            detail: other.sentence(),
        },
    })
}

/// The rows of a CSV file; a column of the target is set aside.
pub(super) fn csv_table(body: &Bytes, served: &Served, most: usize) -> Result<Table, Unreadable> {
    let known = served.description().by_name();
    let aside = |name: &str| !known.contains_key(name) && served.target() == Some(name);
    let check = |names: &[u8]| {
        check_names(served, names).map_err(|problem| format!("the line of names: {problem}"))
    };
    Table::of_csv(body, served.description(), most, aside, check)
}

/// Asks the model about the names of columns, once for all rows.
pub(super) fn check_names(served: &Served, names: &[u8]) -> Result<(), String> {
    match served.probe(names) {
        Ok(answer) => match wrong_names(&answer.body) {
            Some(sentence) => Err(sentence),
            None => Ok(()),
        },
        // The rows will tell.
        Err(_) => Ok(()),
    }
}

/// Why `body` is no array of rows.
pub(super) fn refuse_array(error: Unreadable, body: &[u8], most: usize) -> ApiError {
    match error {
        Unreadable::TooManyRows => ApiError::TooManyRows { most },
        Unreadable::Json(error) if !error.is_data() => {
            let (at, problem) = match module_finds(body) {
                Some((at, expected)) => (Some(at), format!("expected {expected}")),
                None => (None, error.to_string()),
            };
            ApiError::Invalid {
                r#type: "json_invalid",
                at,
                msg: format!("JSON decode error: {problem}"),
            }
        }
        Unreadable::Json(_) | Unreadable::Other(_) => ApiError::Invalid {
            r#type: "list_type",
            at: None,
            msg: "Input should be a valid list".to_owned(),
        },
    }
}

/// The byte at which the module would stop reading, and what it would expect there.
fn module_finds(body: &[u8]) -> Option<(usize, &'static str)> {
    match std::str::from_utf8(body) {
        Err(error) => Some((error.valid_up_to(), "UTF-8")),
        Ok(text) => {
            let invalid = json::parse(text).err()?;
            Some((invalid.at, invalid.reason))
        }
    }
}
