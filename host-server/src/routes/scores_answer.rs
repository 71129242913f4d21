//! Answers of scores, which may be long: in the memory that all answers share, and where they are
//! long not on a thread that serves connections.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::score_rows::{Asked, Predictions, Scores};
use crate::app::App;
use crate::http::answers::counted;
use crate::http::buffer::Buffer;
use crate::http::error::ApiError;
use crate::http::memory::Full;
use crate::record::Call;

/// Adds a value as JSON to an answer.
///
/// # Errors
/// When there is no memory for it: numbers and texts always serialize.
pub(super) fn write_json(value: &impl Serialize, out: &mut Buffer) -> Result<(), Full> {
    serde_json::to_writer(out, value).map_err(|_| Full)
}

/// The answer that `write` makes of scores. It claims its memory while it is written, and keeps it
/// until the client has taken it; a long one is written on the threads of long work.
///
/// # Errors
/// When there is no memory for it.
pub(super) async fn written<T: Send + 'static>(
    app: &App,
    call: &Call<'_>,
    scores: &mut Scores,
    write: impl FnOnce(&Scores, &mut Buffer) -> Result<T, Full> + Send + 'static,
) -> Result<(T, Bytes), ApiError> {
    let mut out = Buffer::new(usize::MAX, &app.admission().memory(call.caller));
    let of = std::mem::take(scores);
    let is_long = of.are_long();
    let work = move || {
        let done = write(&of, &mut out);
        (of, done.map(|done| (done, out.into_bytes())))
    };
    let (of, done) = match is_long {
        false => work(),
        true => app
            .admission()
            .piece(call.caller, work)
            .await
            .map_err(|error| {
                tracing::error!(request_id = call.id.as_uuid(), %error, "no answer");
                ApiError::fault(call.id)
            })?,
    };
    *scores = of;
    done.map_err(|full| app.reject(full))
}

/// Predictions as JSON.
///
/// # Errors
/// When there is no memory for them.
pub(super) async fn predictions(
    app: &App,
    call: &Call<'_>,
    asked: Asked,
    scores: &mut Scores,
) -> Result<Response, ApiError> {
    let write =
        move |scores: &Scores, out: &mut Buffer| write_json(&Predictions::new(asked, scores), out);
    let ((), body) = written(app, call, scores, write).await?;
    let json = [(CONTENT_TYPE, "application/json")];
    Ok(counted((json, Body::from(body)).into_response()))
}
