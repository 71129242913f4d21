//! A batch that is answered piece by piece, each in a turn of its own.

use std::convert::Infallible;
use std::fmt::Display;
use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};

use super::answer::receipt;
use super::batch_answer::{Copied, Form as AnswerForm, write_answers};
use super::question::work;
use super::rows::{Chunk, Table};
use crate::app::App;
use crate::host::FeatureRole;
use crate::http::admission::Work;
use crate::http::answers::counted;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::memory::{Claim, Full, Memory};
use crate::http::request_id::RequestId;
use crate::http::turns::Piece;
use crate::models::registry::Served;
use crate::record::{Groups, Recorder, Written};

/// Rows that are decided in one turn, unless it takes too long: usually some milliseconds of
/// work. Then it is another's turn.
pub(super) const ROWS_A_PIECE: usize = 512;

/// The same of rows that are explained: an explanation takes up to some hundred times as long as
/// its decision.
const EXPLANATIONS_A_PIECE: usize = 8;

/// Rows that are decided before the clock is looked at.
pub(super) const ROWS_A_LOOK: usize = 32;

const NO_MEMORY: &str = "its rows have longer answers than usual, and there is no memory for them";

/// Why a stream ends that found no memory for its next answers in time.
pub(super) const NO_MEMORY_SOON: &str =
    "bodies and answers of others hold all memory that there is for them";

/// Memory that is claimed for a row's answer before it is known: most take less.
pub(super) const USUAL_ANSWER: usize = 2 << 10;

/// The same of an explanation.
const USUAL_EXPLANATION: usize = 8 << 10;

/// A batch that is being answered.
pub(super) struct Batch {
    caller: Caller,
    served: Arc<Served>,
    table: Table,
    chunk: Chunk,
    answers: AnswerForm,
    /// Whether a row asks for recourse; none of a batch that is not explained.
    recourse: Vec<bool>,
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
        caller: Caller,
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
            caller,
            served,
            recourse: Vec::new(),
            copied,
            table,
            chunk: Chunk::default(),
            answers,
            row: 0,
            recorder,
            _held: None,
        }
    }

    /// Rows that are explained, with whether each asks for recourse.
    pub(super) fn of_explanations(
        caller: Caller,
        served: Arc<Served>,
        table: Table,
        recourse: Vec<bool>,
        recorder: Option<Recorder>,
    ) -> Self {
        Self {
            recourse,
            ..Self::new(caller, served, table, AnswerForm::Explanations, recorder)
        }
    }

    /// The kind of work that the next row is.
    pub(super) fn work(&self) -> Work {
        work(self.recourse.get(self.row) == Some(&true))
    }

    /// Rows that are answered before the clock is looked at.
    fn rows_a_look(&self) -> usize {
        match self.answers {
            AnswerForm::Json | AnswerForm::Csv => ROWS_A_LOOK,
            AnswerForm::Explanations => 1,
        }
    }

    /// Memory that is claimed for a row's answer before it is known.
    fn usual_answer(&self) -> usize {
        match self.answers {
            AnswerForm::Json | AnswerForm::Csv => USUAL_ANSWER,
            AnswerForm::Explanations => USUAL_EXPLANATION,
        }
    }

    fn rows_a_piece(&self) -> usize {
        match self.answers {
            AnswerForm::Json | AnswerForm::Csv => ROWS_A_PIECE,
            AnswerForm::Explanations => EXPLANATIONS_A_PIECE,
        }
    }

    /// Memory for the next piece, and the least that a piece needs.
    fn next_answers(&self) -> (usize, usize) {
        let left = self.table.len() - self.row;
        let of = |rows: usize| left.min(rows) * self.usual_answer();
        (of(self.rows_a_piece()), of(self.rows_a_look()))
    }

    fn is_done(&self) -> bool {
        self.row == self.table.len()
    }

    /// The same with the memory of its rows claimed.
    ///
    /// # Errors
    /// Also where a column of the answer would be there twice.
    pub(super) fn hold(mut self, memory: &Memory) -> Result<Self, ApiError> {
        if let Some(name) = self.answers.taken(&self.served, &self.copied) {
            return Err(ApiError::Malformed {
                detail: format!(
                    "the file already has a column '{name}', which the answer adds: rename or remove it"
                ),
            });
        }
        // It is there before the answer, and for as long as the client reads that.
        let mut held = memory.claim();
        held.cover(self.table.bytes() + self.recourse.len())?;
        self._held = Some(held);
        Ok(self)
    }

    /// The first piece of the answer; an error when there is no memory for it.
    pub(super) fn first(mut self, memory: &Memory) -> Result<(Self, Bytes), ApiError> {
        let mut claim = memory.claim_answer();
        let (most, least) = self.next_answers();
        claim.cover(most).or_else(|_| claim.cover(least))?;
        let bytes = self.next(&mut claim)?;
        Ok((self, bytes))
    }

    /// The next piece of the answer, in a part of the memory that is claimed. It ends after so many
    /// rows, when it took long enough, when the memory is used, or before a row that is other
    /// work.
    ///
    /// # Errors
    /// When the answer is longer than the claim, and there is no memory for the rest.
    fn next(&mut self, claim: &mut Claim) -> Result<Bytes, Full> {
        let (piece, work) = (Piece::begin(), self.work());
        let end = (self.row + self.rows_a_piece()).min(self.table.len());
        let mut out = Vec::new();
        if self.row == 0 {
            self.answers.begin(&self.served, &self.copied, &mut out);
        }
        loop {
            let before = out.len();
            self.answer_rows(self.rows_a_look().min(end - self.row), &mut out);
            // The next rows are likely as long as these.
            let is_full = 2 * out.len() - before > claim.bytes();
            if self.row == end || piece.is_over() || is_full || self.work() != work {
                break;
            }
        }
        if self.is_done() {
            self.answers.end(&mut out);
        }
        out.shrink_to_fit();
        claim.grow(out.len())?;
        Ok(claim.split(out.len()).hold(out))
    }

    /// Answers the next rows, at most `most`.
    fn answer_rows(&mut self, most: usize, out: &mut Vec<u8>) {
        self.table.next(most, &mut self.chunk);
        let first = self.row;
        self.row += self.chunk.iter().count();
        let copied = Copied {
            names: &self.copied,
            aside: self.table.aside(),
        };
        let recorder = self.recorder.as_mut();
        write_answers(
            self.answers,
            &self.served,
            &self.chunk,
            copied,
            first,
            recorder,
            out,
        );
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
        Ok(counted((content_type, body).into_response()))
    }

    /// The whole answer, once each of its rows is recorded: its header names the last record, so
    /// nothing of it can be sent before.
    async fn recorded(
        mut self,
        app: &App,
        id: &RequestId,
        first: Bytes,
    ) -> Result<(Body, Option<Written>), ApiError> {
        // All of the answer, before any of it is recorded: what is refused leaves no records.
        let a_row = first.len() / self.row.max(1) + 1;
        let mut all = app.admission().memory(&self.caller).claim_answer();
        all.grow((self.table.len() - self.row) * a_row)
            .map_err(|full| app.reject(full))?;
        let mut pieces = vec![Ok::<_, Infallible>(first)];
        let mut groups = Groups::new(app.admission(), &self.caller);
        loop {
            if let Some(recorder) = &mut self.recorder {
                let added = groups.add(recorder).await;
                added.inspect_err(|error| app.count(error))?;
            }
            if self.is_done() {
                break;
            }
            let (kind, caller) = (self.work(), self.caller.clone());
            let work = move || {
                let bytes = self.next(&mut all);
                bytes.map(|bytes| (bytes, self, all))
            };
            let piece = app.admission().work(kind, &caller, work).await;
            let piece = piece.map_err(|error| {
                broke_off(&error);
                ApiError::fault(id)
            })?;
            let (bytes, batch, rest) = piece.map_err(|full| app.reject(full))?;
            (self, all) = (batch, rest);
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
            let app = Arc::clone(&app);
            async move {
                let admission = app.admission();
                if batch.is_done() {
                    return Ok(None);
                }
                let (most, least) = batch.next_answers();
                let memory = admission.memory(&batch.caller);
                let claim = memory.wait_for(most, least, app.limits().body).await;
                let mut claim = claim.map_err(|_| broke_off(&NO_MEMORY_SOON))?;
                let (kind, caller) = (batch.work(), batch.caller.clone());
                let work = move || batch.next(&mut claim).map(|bytes| (bytes, batch));
                let piece = admission.work(kind, &caller, work).await;
                let piece = piece.map_err(|error| broke_off(&error))?;
                piece.map(Some).map_err(|_| broke_off(&NO_MEMORY))
            }
        });
        Body::from_stream(stream::iter([Ok(first)]).chain(rest))
    }
}

/// The columns of a CSV file that the model ignores, and the one that was set aside.
fn copied(served: &Served, table: &Table) -> Vec<String> {
    let features = served.description().by_name();
    let is_copied = |name: &String| {
        let found = features.get(name.as_str());
        found.is_some_and(|feature| feature.role == FeatureRole::Ignored)
            || table.aside() == Some(name)
    };
    table.csv_names().into_iter().filter(is_copied).collect()
}

/// The client sees its connection end before its answer does.
pub(super) fn broke_off(error: &impl Display) -> io::Error {
    tracing::error!(%error, "a batch broke off");
    io::Error::other(error.to_string())
}
