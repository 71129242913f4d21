//! `POST /predict/batch`: many applications at once, answered in order; one that is refused
//! is answered with its error, and the others are decided. A long answer is written while the
//! client reads it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use model_http::media;
use tokio::task::JoinError;

use super::answer::receipt;
use super::batch_answer::{Copied, Form as AnswerForm, write_answers};
use super::ndjson;
use super::refusal::wrong_names;
use super::rows::{Chunk, Table, Unreadable};
use crate::app::App;
use crate::host::FeatureRole;
use crate::http::body::{ContentType, check_plain};
use crate::http::error::ApiError;
use crate::http::memory::{Claim, Memory};
use crate::http::request_id::RequestId;
use crate::models::registry::{Affinity, Served};
use crate::record::{Call, Groups, Kind, Recorder, Written};

const ROUTE: &str = "/predict/batch";
const ROUTE_NAMED: &str = "/models/{name}/predict/batch";

/// Rows that are decided in one turn: some milliseconds of work. Then it is another's turn.
pub(super) const ROWS_A_PIECE: usize = 512;

/// Rows that are explained in one turn: an explanation takes up to some hundred times as long as
/// its decision.
const EXPLANATIONS_A_PIECE: usize = 8;

/// Memory that is claimed for a row's answer before it is known: most take less.
pub(super) const USUAL_ANSWER: usize = 2 << 10;

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
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &headers, ROUTE);
    answer(app, call, body, None).await
}

pub(super) async fn batch_named(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &headers, ROUTE_NAMED);
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
        return ndjson::answer(app, served, recorder, body).await;
    }
    let answers = match form == Form::Csv && !wants_json(call.headers) {
        true => AnswerForm::Csv,
        false => AnswerForm::Json,
    };
    let packed = app.read_batch(call.headers, body).await?;
    let permit = app.begin()?;
    let most = app.limits().batch_rows;
    let memory = app.admission().memory().clone();
    let work = move || {
        let _permit = permit;
        let body = packed.unpack()?;
        let table = match form {
            Form::Csv => {
                if let Some(recorder) = &mut recorder {
                    recorder.body(&body);
                }
                read_csv(&served, &body, most)
            }
            _ => Table::of_objects(&body, &body, most).map_err(|error| refuse_array(error, most)),
        }?;
        Batch::new(served, table, answers, recorder).first(&memory)
    };
    let (batch, first) = app.admission().piece(work).await.unwrap_or_else(|error| {
        tracing::error!(request_id = call.id.as_uuid(), %error, "no batch");
        Err(ApiError::fault(call.id))
    })?;
    batch.respond(app, call.id, first).await
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
        Unreadable::Json(error) => ApiError::Malformed {
            detail: error.to_string(),
        },
        Unreadable::Other(detail) => ApiError::Malformed { detail },
    })
}

/// The rows of a CSV file; a column of the target is set aside.
pub(super) fn csv_table(body: &Bytes, served: &Served, most: usize) -> Result<Table, Unreadable> {
    let aside = |name: &str| {
        let mut known = served.description().features.iter();
        !known.any(|feature| feature.name == name) && served.target() == Some(name)
    };
    let check = |names: &[u8]| check_names(served, names);
    Table::of_csv(body, served.description(), most, aside, check)
}

/// Asks the model about the names of columns, once for all rows.
fn check_names(served: &Served, names: &[u8]) -> Result<(), String> {
    match served.probe(names) {
        Ok(answer) => match wrong_names(&answer.body) {
            Some(sentence) => Err(format!("the line of names: {sentence}")),
            None => Ok(()),
        },
        // The rows will tell.
        Err(_) => Ok(()),
    }
}

pub(super) fn refuse_array(error: Unreadable, most: usize) -> ApiError {
    match error {
        Unreadable::TooManyRows => ApiError::TooManyRows { most },
        Unreadable::Json(error) if !error.is_data() => ApiError::Invalid {
            r#type: "json_invalid",
            at: Some(error.column()),
            msg: format!("JSON decode error: {error}"),
        },
        Unreadable::Json(_) | Unreadable::Other(_) => ApiError::Invalid {
            r#type: "list_type",
            at: None,
            msg: "Input should be a valid list".to_owned(),
        },
    }
}

/// A batch that is being answered.
pub(super) struct Batch {
    served: Arc<Served>,
    table: Table,
    chunk: Chunk,
    answers: AnswerForm,
    /// Columns of CSV that the model ignores, such as a number of the application, and that of the
    /// target: an answer in CSV repeats them.
    copied: Vec<String>,
    /// Rows that are answered.
    row: usize,
    recorder: Option<Recorder>,
    /// The memory of the table.
    _held: Option<Claim>,
}

impl Batch {
    pub(super) fn new(
        served: Arc<Served>,
        table: Table,
        answers: AnswerForm,
        recorder: Option<Recorder>,
    ) -> Self {
        let copied = match answers {
            AnswerForm::Csv => copied(&served, &table),
            AnswerForm::Json | AnswerForm::Explanations => Vec::new(),
        };
        Self {
            served,
            copied,
            table,
            chunk: Chunk::default(),
            answers,
            row: 0,
            recorder,
            _held: None,
        }
    }

    fn rows_a_piece(&self) -> usize {
        match self.answers {
            AnswerForm::Json | AnswerForm::Csv => ROWS_A_PIECE,
            AnswerForm::Explanations => EXPLANATIONS_A_PIECE,
        }
    }

    fn is_done(&self) -> bool {
        self.row == self.table.len()
    }

    /// The first piece of the answer; an error when there is no memory for it.
    pub(super) fn first(mut self, memory: &Memory) -> Result<(Self, Bytes), ApiError> {
        let mut held = memory.claim();
        held.cover(self.table.bytes())?;
        self._held = Some(held);
        let mut claim = memory.claim();
        claim.cover(self.table.len().min(self.rows_a_piece()) * USUAL_ANSWER)?;
        let bytes = self.next(claim);
        Ok((self, bytes))
    }

    /// The next piece of the answer, in the memory that is claimed for it.
    fn next(&mut self, mut claim: Claim) -> Bytes {
        self.table.next(self.rows_a_piece(), &mut self.chunk);
        let first = self.row;
        self.row += self.chunk.iter().count();
        let mut out = Vec::new();
        if first == 0 {
            self.answers.begin(&self.served, &self.copied, &mut out);
        }
        let recorder = self.recorder.as_mut();
        write_answers(
            self.answers,
            &self.served,
            &self.chunk,
            Copied {
                names: &self.copied,
                aside: self.table.aside(),
            },
            first,
            recorder,
            &mut out,
        );
        if self.is_done() {
            self.answers.end(&mut out);
        }
        out.shrink_to_fit();
        claim.shrink(out.len());
        claim.hold(out)
    }

    /// The answer, of which `first` is the first piece.
    pub(super) async fn respond(
        self,
        app: Arc<App>,
        id: &RequestId,
        first: Bytes,
    ) -> Result<Response, ApiError> {
        let content_type = [(CONTENT_TYPE, self.answers.content_type())];
        if self.recorder.is_some() {
            let (body, written) = self.recorded(&app, id, first).await?;
            let mut response = (content_type, body).into_response();
            receipt(&mut response, written);
            return Ok(response);
        }
        let body = match self.is_done() {
            true => Body::from(first),
            false => self.stream(app, first),
        };
        Ok((content_type, body).into_response())
    }

    /// The whole answer, once each of its rows is recorded: its header names the last record, so
    /// nothing of it can be sent before.
    async fn recorded(
        mut self,
        app: &App,
        id: &RequestId,
        first: Bytes,
    ) -> Result<(Body, Option<Written>), ApiError> {
        let mut pieces = vec![Ok::<_, Infallible>(first)];
        let mut groups = Groups::new(app.admission().memory());
        loop {
            if let Some(recorder) = &mut self.recorder {
                let added = groups.add(recorder).await;
                added.inspect_err(|error| app.count(error))?;
            }
            if self.is_done() {
                break;
            }
            let mut claim = app.admission().memory().claim();
            let memory = self.rows_a_piece() * USUAL_ANSWER;
            claim.cover(memory).map_err(|full| app.reject(full))?;
            let work = move || {
                let bytes = self.next(claim);
                (bytes, self)
            };
            let piece = app.admission().piece(work).await;
            let (bytes, batch) = piece.map_err(|error| {
                broke_off(&error);
                ApiError::fault(id)
            })?;
            self = batch;
            pieces.push(Ok(bytes));
        }
        let written = match &mut self.recorder {
            Some(recorder) => groups.end(recorder).await?,
            None => None,
        };
        Ok((Body::from_stream(stream::iter(pieces)), written))
    }

    /// What follows the first piece, made when the client takes it.
    fn stream(self, app: Arc<App>, first: Bytes) -> Body {
        let rest = stream::try_unfold(self, move |mut batch| {
            let admission = Arc::clone(app.admission());
            async move {
                if batch.is_done() {
                    return Ok(None);
                }
                let memory = batch.rows_a_piece() * USUAL_ANSWER;
                let claim = admission.memory().wait_for(memory).await;
                let work = move || {
                    let bytes = batch.next(claim);
                    (bytes, batch)
                };
                let piece = admission.piece(work).await;
                piece.map(Some).inspect_err(broke_off)
            }
        });
        Body::from_stream(stream::iter([Ok(first)]).chain(rest))
    }
}

/// The columns of a CSV file that the model ignores, and the one that was set aside.
fn copied(served: &Served, table: &Table) -> Vec<String> {
    let features = &served.description().features;
    let is_copied = |name: &String| {
        let mut found = features.iter().filter(|feature| feature.name == *name);
        found.any(|feature| feature.role == FeatureRole::Ignored) || table.aside() == Some(name)
    };
    table.csv_names().into_iter().filter(is_copied).collect()
}

/// The client sees its connection end before its answer does.
pub(super) fn broke_off(error: &JoinError) {
    tracing::error!(%error, "a batch broke off");
}
