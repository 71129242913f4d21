//! `POST /predict/batch`: many applications at once, answered in order. A refused one is
//! answered with its error; the others are decided.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use model_http::media;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::batch_answer::write_answer;
use super::ndjson;
use super::rows::Rows;
use super::score_rows::reason;
use crate::app::App;
use crate::http::body::{ContentType, read_whole};
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;
use crate::models::registry::Served;

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
    answer(app, id, &headers, body, None).await
}

pub(super) async fn batch_named(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    answer(app, id, &headers, body, Some(&name)).await
}

async fn answer(
    app: Arc<App>,
    id: RequestId,
    headers: &HeaderMap,
    body: Body,
    name: Option<&str>,
) -> Result<Response, ApiError> {
    let form = form(headers)?;
    let served = app.target(name, None)?.served;
    if form == Form::Lines {
        return ndjson::answer(&app, served, body).await;
    }
    let limits = app.limits();
    let bytes = read_whole(headers, body, limits.batch_bytes, limits.body).await?;
    let as_csv = form == Form::Csv && !wants_json(headers);
    let most = limits.batch_rows;
    let _permit = app.begin()?;
    let _turn = app.long_bodies().acquire().await;
    let work = move || match form {
        Form::Csv => decide_csv(&served, &bytes, most, as_csv),
        _ => decide_array(&served, &bytes, most),
    };
    let answered = tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            tracing::error!(request_id = id.as_str(), %error, "batch failed");
            Err(ApiError::fault(&id))
        })?;
    let content_type = if as_csv {
        "text/csv; charset=utf-8"
    } else {
        media::JSON
    };
    Ok(([(CONTENT_TYPE, content_type)], answered).into_response())
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

fn decide_array(served: &Served, bytes: &Bytes, most: usize) -> Result<Vec<u8>, ApiError> {
    let rows: Vec<&RawValue> = serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            ApiError::Invalid {
                r#type: "list_type",
                at: None,
                msg: "Input should be a valid list".to_owned(),
            }
        } else {
            ApiError::Invalid {
                r#type: "json_invalid",
                at: Some(error.column()),
                msg: format!("JSON decode error: {error}"),
            }
        }
    })?;
    check_rows(rows.len(), most)?;
    Ok(decide_json(
        served,
        rows.iter().map(|row| row.get().as_bytes()),
    ))
}

fn decide_csv(
    served: &Served,
    bytes: &Bytes,
    most: usize,
    as_csv: bool,
) -> Result<Vec<u8>, ApiError> {
    let rows = Rows::from_csv(bytes, most).map_err(|detail| ApiError::Malformed { detail })?;
    Ok(if as_csv {
        decide_to_csv(served, &rows)
    } else {
        decide_json(served, rows.iter())
    })
}

fn check_rows(rows: usize, most: usize) -> Result<(), ApiError> {
    if rows > most {
        return Err(ApiError::TooManyRows { most });
    }
    Ok(())
}

fn decide_json<'a>(served: &Served, rows: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = vec![b'['];
    let mut row = 0;
    served.decide_each(rows, |answer| {
        if row > 0 {
            out.push(b',');
        }
        write_answer(&mut out, row, answer);
        row += 1;
    });
    out.push(b']');
    out
}

/// A line for each row, with the error where there is no decision.
fn decide_to_csv(served: &Served, rows: &Rows) -> Vec<u8> {
    #[derive(Deserialize)]
    struct Cells<'a> {
        prediction: u8,
        #[serde(borrow)]
        prediction_label: std::borrow::Cow<'a, str>,
        approve: bool,
        #[serde(borrow)]
        probability: &'a RawValue,
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to a vector does not fail.
    let _ = writer.write_record([
        "prediction",
        "prediction_label",
        "approve",
        "probability",
        "detail",
    ]);
    served.decide_each(rows.iter(), |answer| {
        let refused = match &answer {
            Ok(decision) if decision.status == 200 => {
                match serde_json::from_slice::<Cells<'_>>(decision.body) {
                    Ok(cells) => {
                        let _ = writer.write_record([
                            cells.prediction.to_string().as_str(),
                            &cells.prediction_label,
                            if cells.approve { "true" } else { "false" },
                            cells.probability.get(),
                            "",
                        ]);
                        return;
                    }
                    Err(_) => "The model failed on this row".to_owned(),
                }
            }
            Ok(decision) => reason(decision.body),
            Err(error) => {
                tracing::error!(%error, "decision failed in a batch");
                "The model failed on this row".to_owned()
            }
        };
        let _ = writer.write_record(["", "", "", "", &refused]);
    });
    writer.into_inner().unwrap_or_default()
}
