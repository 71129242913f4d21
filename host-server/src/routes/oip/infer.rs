//! `POST /v2/models/{name}/infer`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::answer::held;
use super::super::rows::{Cells, Column, Table, Unreadable, list, most_columns, parse};
use super::super::score_rows::{NoScores, Output, OutputOf, Scores, score};
use super::tensor::{Shape, Tensor};
use super::{OUTPUTS, no_scores};
use crate::app::App;
use crate::host::{Description, Feature};
use crate::http::oip_error::OipError;
use crate::http::request_id::RequestId;
use crate::models::registry::Served;

/// Where the JSON ends and the bytes of binary tensors begin.
const HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// Outputs that a request may name, and bytes of its id.
const MOST_OUTPUTS: usize = 16;
const LONGEST_ID: usize = 1 << 10;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(default)]
    parameters: Option<RequestParameters>,
    #[serde(borrow)]
    inputs: &'a RawValue,
    #[serde(borrow, default)]
    outputs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RequestParameters {
    #[serde(default)]
    binary_data_output: Option<bool>,
}

#[derive(Deserialize)]
struct Wanted<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    parameters: Option<OutputParameters>,
}

#[derive(Deserialize)]
struct OutputParameters {
    #[serde(default)]
    binary_data: Option<bool>,
}

pub(super) async fn infer(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, OipError> {
    answer(&app, id, &name, None, &headers, body).await
}

pub(super) async fn infer_version(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, OipError> {
    answer(&app, id, &name, Some(&version), &headers, body).await
}

async fn answer(
    app: &App,
    id: RequestId,
    name: &str,
    version: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, OipError> {
    let served = app.target(Some(name), version)?.served;
    let version = served.version().to_owned();
    let most = app.limits().batch_rows;
    let header_length = headers.get(HEADER_LENGTH).cloned();
    let packed = app.read_batch(headers, body).await?;
    let read = move |served: &Served| {
        let body = packed.unpack()?;
        read(&body, header_length.as_ref(), served.description(), most)
            .map_err(|error| NoScores::unreadable(error, most))
    };
    let scored = score(app, &id, served, read).await;
    let (scores, wanted) = scored.map_err(|problem| no_scores(problem, id.clone()))?;
    let head = Head {
        model_name: name,
        model_version: &version,
        id: wanted.id.as_deref().unwrap_or(id.as_str()),
        outputs: Vec::new(),
    };
    respond(app, head, &wanted.outputs, &scores)
}

/// What the answer is to hold.
struct Answer {
    id: Option<String>,
    outputs: Vec<Asked>,
}

/// An output to answer with, and whether as bytes.
#[derive(Clone, Copy)]
struct Asked {
    output: Output,
    binary: bool,
}

fn read(
    body: &Bytes,
    header_length: Option<&HeaderValue>,
    model: &Description,
    most: usize,
) -> Result<(Table, Answer), Unreadable> {
    let (json, binary) = split(header_length, body)?;
    let request: Request<'_> = parse(json).map_err(|error| match error {
        Unreadable::Json(error) => format!("not an inference request: {error}"),
        _ => "not an inference request: it is not an object".to_owned(),
    })?;
    if request.id.as_ref().is_some_and(|id| id.len() > LONGEST_ID) {
        return Err(format!("the id is over {LONGEST_ID} bytes").into());
    }
    let outputs = wanted(body, &request)?;
    let table = rows(body, request.inputs, binary, model, most)?;
    let id = request.id.map(Cow::into_owned);
    Ok((table, Answer { id, outputs }))
}

fn split<'a>(
    header_length: Option<&HeaderValue>,
    body: &'a Bytes,
) -> Result<(&'a [u8], &'a [u8]), Unreadable> {
    let Some(value) = header_length else {
        return Ok((body, &[]));
    };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    let parts = length.and_then(|length| body.split_at_checked(length));
    parts.ok_or_else(|| {
        Unreadable::Other(format!(
            "{HEADER_LENGTH} is {value:?}, the body has {} bytes",
            body.len()
        ))
    })
}

fn wanted(body: &[u8], request: &Request<'_>) -> Result<Vec<Asked>, Unreadable> {
    let parameters = request.parameters.as_ref();
    let binary = parameters.and_then(|given| given.binary_data_output);
    let binary = binary.unwrap_or(false);
    let named = match request.outputs {
        None => Vec::new(),
        Some(outputs) => list(body, outputs.get().as_bytes(), MOST_OUTPUTS)
            .map_err(|_| format!("`outputs` is no list of at most {MOST_OUTPUTS}"))?,
    };
    if named.is_empty() {
        return Ok(OUTPUTS
            .map(|(_, _, output)| Asked { output, binary })
            .into());
    }
    named
        .iter()
        .map(|span| {
            let wanted: Wanted<'_> = parse(span.of_body(body))?;
            let known = OUTPUTS.iter().find(|(name, ..)| *name == wanted.name);
            let (_, _, output) = known.ok_or_else(|| {
                let name = &wanted.name[..wanted.name.floor_char_boundary(64)];
                format!("there is no output `{name}`, expected prediction, probability or label")
            })?;
            let own = wanted.parameters.and_then(|given| given.binary_data);
            Ok(Asked {
                output: *output,
                binary: own.unwrap_or(binary),
            })
        })
        .collect()
}

/// Columns by name, or one tensor of numbers in the order of the inputs.
fn rows(
    body: &Bytes,
    inputs: &RawValue,
    mut binary: &[u8],
    model: &Description,
    most: usize,
) -> Result<Table, Unreadable> {
    let known = |name: &str| model.features.iter().any(|feature| feature.name == name);
    let most_inputs = most_columns(model);
    let spans = list(body, inputs.get().as_bytes(), most_inputs).map_err(|error| match error {
        Unreadable::TooManyRows => Unreadable::Other(format!("more than {most_inputs} inputs")),
        other => other,
    })?;
    let tensors: Vec<Tensor<'_>> = spans
        .iter()
        .map(|span| parse(span.of_body(body)))
        .collect::<Result<_, _>>()?;
    if let [one] = tensors.as_slice()
        && !known(&one.name)
    {
        return matrix(body, one, &mut binary, model, most);
    }
    let mut columns = Vec::with_capacity(tensors.len());
    let mut cells = Vec::with_capacity(tensors.len());
    let mut rows = None;
    for tensor in &tensors {
        let Shape { rows: found, width } = tensor.shape(body)?;
        let name = tensor.name.clone().into_owned();
        if width != 1 {
            let sentence = format!("input `{name}`: its rows have {width} values, expected 1");
            return Err(Unreadable::Other(sentence));
        }
        let expected = *rows.get_or_insert(found);
        if found != expected {
            return Err(Unreadable::Other(format!(
                "input `{name}` has {found} values, the first input {expected}"
            )));
        }
        check_rows(found, most)?;
        let values = tensor.values(body, &mut binary, found)?;
        check_finite(body, &values, |row| (row, name.as_str()))?;
        columns.push(Column {
            name,
            cells: cells.len(),
            offset: 0,
            stride: 1,
        });
        cells.push(values);
    }
    let rows = rows.unwrap_or(0);
    Ok(Table::of_columns(body, columns, cells, rows, Some(model)))
}

/// One tensor with a row for each application.
fn matrix(
    body: &Bytes,
    tensor: &Tensor<'_>,
    binary: &mut &[u8],
    model: &Description,
    most: usize,
) -> Result<Table, Unreadable> {
    let inputs: Vec<&Feature> = model.input_features().collect();
    let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    let Shape { rows, width } = tensor.shape(body)?;
    if width != inputs.len() {
        return Err(Unreadable::Other(format!(
            "input `{}` is no feature of the model, and its rows have {width} values, expected {} for {}",
            tensor.name,
            inputs.len(),
            names.join(", ")
        )));
    }
    check_rows(rows, most)?;
    let values = tensor.values(body, binary, rows.saturating_mul(width))?;
    check_finite(body, &values, |at| (at / width, names[at % width]))?;
    let columns = names
        .iter()
        .enumerate()
        .map(|(offset, name)| Column {
            name: (*name).to_owned(),
            cells: 0,
            offset,
            stride: width,
        })
        .collect();
    Ok(Table::of_columns(
        body,
        columns,
        vec![values],
        rows,
        Some(model),
    ))
}

fn check_rows(rows: usize, most: usize) -> Result<(), Unreadable> {
    match rows <= most {
        true => Ok(()),
        false => Err(Unreadable::TooManyRows),
    }
}

/// Bytes can say what JSON cannot: no number, or an infinite one. It is refused in the
/// module's words, whatever the feature is.
fn check_finite<'a>(
    body: &[u8],
    values: &Cells,
    place: impl FnOnce(usize) -> (usize, &'a str),
) -> Result<(), Unreadable> {
    match values.first_not_finite(body).map(place) {
        None => Ok(()),
        Some((row, name)) => Err(Unreadable::Other(format!(
            "row {row}: {name}: Input should be a finite number"
        ))),
    }
}

#[derive(Serialize)]
struct Head<'a> {
    model_name: &'a str,
    model_version: &'a str,
    id: &'a str,
    outputs: Vec<Written<'a>>,
}

#[derive(Serialize)]
struct Written<'a> {
    name: &'static str,
    datatype: &'static str,
    shape: [usize; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<OutputOf<'a>>,
}

#[derive(Serialize)]
struct Size {
    binary_data_size: usize,
}

fn respond<'a>(
    app: &App,
    mut head: Head<'a>,
    wanted: &[Asked],
    scores: &'a Scores,
) -> Result<Response, OipError> {
    let mut binary = Vec::new();
    for asked in wanted {
        let known = OUTPUTS.iter().find(|(.., output)| *output == asked.output);
        let Some((name, datatype, output)) = known else {
            continue;
        };
        let before = binary.len();
        if asked.binary {
            write_binary(*output, scores, &mut binary);
        }
        head.outputs.push(Written {
            name,
            datatype,
            shape: [scores.len(), 1],
            parameters: asked.binary.then(|| Size {
                binary_data_size: binary.len() - before,
            }),
            data: (!asked.binary).then_some(OutputOf(*output, scores)),
        });
    }
    // Numbers and texts always serialize.
    let mut body = serde_json::to_vec(&head).unwrap_or_default();
    let length = body.len().to_string();
    body.extend_from_slice(&binary);
    let is_json = binary.is_empty();
    let body = Body::from(held(app, body)?);
    if is_json {
        return Ok(([(CONTENT_TYPE, "application/json")], body).into_response());
    }
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (HEADER_LENGTH, length),
    ];
    Ok((headers, body).into_response())
}

/// An output's values as bytes.
fn write_binary(output: Output, scores: &Scores, out: &mut Vec<u8>) {
    match output {
        Output::Prediction => {
            let values = scores.predictions.iter();
            values.for_each(|value| out.extend(value.to_le_bytes()));
        }
        Output::Probability => {
            let values = scores.probabilities.iter();
            values.for_each(|value| out.extend(value.to_le_bytes()));
        }
        Output::Label => scores.labels().for_each(|label| {
            out.extend(u32::try_from(label.len()).unwrap_or_default().to_le_bytes());
            out.extend_from_slice(label.as_bytes());
        }),
    }
}
