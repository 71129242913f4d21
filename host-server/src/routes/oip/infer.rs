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
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::answer::receipt;
use super::super::batch::check_names;
use super::super::rows::{
    Cells, Column, Span, Table, Unreadable, check_name, list, most_columns, parse, short,
};
use super::super::score_rows::{NoScores, Output, OutputOf, Scores, score};
use super::super::scores_answer::{write_json, written};
use super::tensor::{Shape, Tensor};
use super::{OUTPUTS, datatype_of, no_scores};
use crate::app::App;
use crate::host::{Description, Feature};
use crate::http::answers::counted;
use crate::http::buffer::Buffer;
use crate::http::caller::Caller;
use crate::http::memory::Full;
use crate::http::oip_error::OipError;
use crate::http::request_id::RequestId;
use crate::models::registry::Served;
use crate::record::Call;

const ROUTE: &str = "/v2/models/{name}/infer";
const ROUTE_VERSION: &str = "/v2/models/{name}/versions/{version}/infer";

/// Where the JSON ends and the bytes of binary tensors begin.
const HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// Outputs that a request may name, and bytes of its id.
const MOST_OUTPUTS: usize = 16;
const LONGEST_ID: usize = 1 << 10;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "short")]
    parameters: Option<RequestParameters>,
    #[serde(borrow)]
    inputs: &'a RawValue,
    #[serde(borrow, default)]
    outputs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RequestParameters {
    #[serde(default, deserialize_with = "short")]
    binary_data_output: Option<bool>,
}

#[derive(Deserialize)]
struct Wanted<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default, deserialize_with = "short")]
    parameters: Option<OutputParameters>,
}

#[derive(Deserialize)]
struct OutputParameters {
    #[serde(default, deserialize_with = "short")]
    binary_data: Option<bool>,
}

pub(super) async fn infer(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, OipError> {
    let call = Call::new(&id, &caller, &headers, ROUTE);
    answer(&app, call, &name, None, body).await
}

pub(super) async fn infer_version(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, OipError> {
    let call = Call::new(&id, &caller, &headers, ROUTE_VERSION);
    answer(&app, call, &name, Some(&version), body).await
}

async fn answer(
    app: &App,
    call: Call<'_>,
    name: &str,
    version: Option<&str>,
    body: Body,
) -> Result<Response, OipError> {
    // Before a long body is read. Whoever has not yet sent one keeps no version in memory.
    match version {
        Some(version) => drop(app.known(Some(name), version)?),
        None => app.known_model(Some(name))?,
    }
    let most = app.limits().batch_rows;
    let header_length = call.headers.get(HEADER_LENGTH).cloned();
    let packed = app.read_batch(&call, body).await?;
    // Not yet unpacked: a canary goes by the request's id.
    let unread = Bytes::new();
    let target = app.target_version(&call, Some(name), version, &unread);
    let target = target.await?;
    let version = target.served.version().to_owned();
    let read = move |served: &Served, body: &Bytes| {
        read(body, header_length.as_ref(), served, most)
            .map_err(|error| NoScores::unreadable(error, most))
    };
    let scored = Box::pin(score(app, &call, target, packed, read)).await;
    let mut scored = scored.map_err(|problem| no_scores(problem, call.id))?;
    let wanted = scored.head;
    let about = About {
        model_name: name.to_owned(),
        model_version: version.clone(),
        id: wanted.id.unwrap_or_else(|| call.id.as_str().to_owned()),
    };
    let write =
        move |scores: &Scores, out: &mut Buffer| write(&about, &wanted.outputs, scores, out);
    let (json, body) = written(app, &call, &mut scored.scores, write).await?;
    let mut response = respond(json, body);
    scored.scores.write_headers(&version, &mut response);
    receipt(&mut response, scored.written);
    Ok(response)
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
    served: &Served,
    most: usize,
) -> Result<(Table, Answer), Unreadable> {
    let model = served.description();
    let (json, binary) = split(header_length, body)?;
    let request: Request<'_> = parse(json).map_err(|error| match error {
        Unreadable::Json(error) => format!("not an inference request: {error}"),
        _ => "not an inference request: it is not an object".to_owned(),
    })?;
    if request.id.as_ref().is_some_and(|id| id.len() > LONGEST_ID) {
        return Err(format!("the id is over {LONGEST_ID} bytes").into());
    }
    let outputs = wanted(body, &request, model.policy.is_some())?;
    let table = rows(body, request.inputs, binary, served, most)?;
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

fn wanted(body: &[u8], request: &Request<'_>, has_policy: bool) -> Result<Vec<Asked>, Unreadable> {
    let parameters = request.parameters.as_ref();
    let binary = parameters.and_then(|given| given.binary_data_output);
    let binary = binary.unwrap_or(false);
    let named = match request.outputs {
        None => Vec::new(),
        Some(outputs) => list(body, outputs.get().as_bytes(), MOST_OUTPUTS)
            .map_err(|_| format!("`outputs` must be a list of at most {MOST_OUTPUTS} outputs"))?,
    };
    if named.is_empty() {
        let usual = if has_policy { 4 } else { 3 };
        let asked = |output: &Output| Asked {
            output: *output,
            binary,
        };
        return Ok(OUTPUTS[..usual].iter().map(asked).collect());
    }
    let mut asked: Vec<Asked> = Vec::with_capacity(named.len());
    for span in &named {
        asked.push(one_wanted(body, *span, binary, &asked)?);
    }
    Ok(asked)
}

/// One of the outputs that a request names; `before` are those before it.
fn one_wanted(
    body: &[u8],
    span: Span,
    binary: bool,
    before: &[Asked],
) -> Result<Asked, Unreadable> {
    let wanted: Wanted<'_> = parse(span.of_body(body))?;
    let known = OUTPUTS.into_iter().find(|one| one.name() == wanted.name);
    let output = known.ok_or_else(|| {
        let name = &wanted.name[..wanted.name.floor_char_boundary(64)];
        let names = "prediction, probability, label, outcome, rules or adjustments";
        format!("there is no output `{name}`, expected {names}")
    })?;
    // A short request is not answered with the same long list many times.
    if before.iter().any(|one| one.output == output) {
        let name = output.name();
        return Err(format!("the output `{name}` is asked for twice: name it once").into());
    }
    let own = wanted.parameters.and_then(|given| given.binary_data);
    Ok(Asked {
        output,
        binary: own.unwrap_or(binary),
    })
}

/// Columns by name, or one tensor of numbers in the order of the inputs.
fn rows(
    body: &Bytes,
    inputs: &RawValue,
    mut binary: &[u8],
    served: &Served,
    most: usize,
) -> Result<Table, Unreadable> {
    let model = served.description();
    let features = model.by_name();
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
        && !features.contains_key(&*one.name)
    {
        let table = matrix(body, one, &mut binary, model, most)?;
        check_used(binary)?;
        return Ok(table);
    }
    // Before their values are read, of which there may be many.
    let is_known = |tensor: &Tensor<'_>| features.contains_key(&*tensor.name);
    if !tensors.iter().all(is_known) {
        check_known(served, &tensors)?;
    }
    let mut columns = Vec::with_capacity(tensors.len());
    let mut cells = Vec::with_capacity(tensors.len());
    let mut rows = None;
    for tensor in &tensors {
        check_name(&tensor.name)?;
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
        let is_derived = features.get(&*name).is_some_and(|one| is_derived(one));
        let place = |row| (row, name.as_str(), is_derived);
        check_finite(body, &values, place)?;
        columns.push(Column {
            name,
            cells: cells.len(),
            offset: 0,
            stride: 1,
        });
        cells.push(values);
    }
    check_used(binary)?;
    let rows = rows.unwrap_or(0);
    Ok(Table::of_columns(body, columns, cells, rows, Some(model)))
}

/// Asks the model about the names of all inputs, as it would say of the first row.
fn check_known(served: &Served, tensors: &[Tensor<'_>]) -> Result<(), Unreadable> {
    let mut names = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        check_name(&tensor.name)?;
        names.push(format!("{}:null", Value::from(&*tensor.name)));
    }
    let request = format!("{{{}}}", names.join(","));
    let known = check_names(served, request.as_bytes());
    known.map_err(|problem| Unreadable::Other(format!("row 0: {problem}")))
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
    check_name(&tensor.name)?;
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
    check_finite(body, &values, |at| {
        let column = at % width;
        (at / width, names[column], is_derived(inputs[column]))
    })?;
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

/// What no input has taken is a sign that the sizes are wrong, or that two programs would read
/// this request differently.
fn check_used(binary: &[u8]) -> Result<(), Unreadable> {
    let bytes = match binary.len() {
        0 => return Ok(()),
        1 => "1 byte follows".to_owned(),
        bytes => format!("{bytes} bytes follow"),
    };
    Err(Unreadable::Other(format!(
        "{bytes} the last input's data, expected none: `binary_data_size` says how many bytes each input has"
    )))
}

fn check_rows(rows: usize, most: usize) -> Result<(), Unreadable> {
    match rows <= most {
        true => Ok(()),
        false => Err(Unreadable::TooManyRows),
    }
}

fn is_derived(feature: &Feature) -> bool {
    feature.derived.is_some()
}

/// Bytes can say what JSON cannot: no number, or an infinite one. It is refused in the
/// module's words, whatever the feature is; only no number of a derived one is taken, and
/// means that it is to be computed. `place` is a value's row, its feature's name, and whether
/// that is derived.
fn check_finite<'a>(
    body: &[u8],
    values: &Cells,
    place: impl Fn(usize) -> (usize, &'a str, bool),
) -> Result<(), Unreadable> {
    let may_be_nan = |at: usize| place(at).2;
    match values.first_not_finite(body, may_be_nan).map(&place) {
        None => Ok(()),
        Some((row, name, _)) => Err(Unreadable::Other(format!(
            "row {row}: {name}: Input should be a finite number"
        ))),
    }
}

/// Whose answer it is, and to what.
struct About {
    model_name: String,
    model_version: String,
    id: String,
}

#[derive(Serialize)]
struct Head<'a> {
    model_name: &'a str,
    model_version: &'a str,
    id: &'a str,
    parameters: Parameters,
    outputs: Vec<Written<'a>>,
}

#[derive(Serialize)]
struct Parameters {
    /// How many values were adjusted.
    adjustments: usize,
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

/// Writes the answer; returns how much of it is JSON, which the bytes of tensors follow.
fn write(
    about: &About,
    wanted: &[Asked],
    scores: &Scores,
    out: &mut Buffer,
) -> Result<usize, Full> {
    let outputs = wanted.iter().map(|asked| {
        let output = asked.output;
        Written {
            name: output.name(),
            datatype: datatype_of(output),
            shape: [scores.len(), 1],
            parameters: asked.binary.then(|| Size {
                binary_data_size: binary_size(output, scores),
            }),
            data: (!asked.binary).then_some(OutputOf(output, scores)),
        }
    });
    let head = Head {
        model_name: &about.model_name,
        model_version: &about.model_version,
        id: &about.id,
        parameters: Parameters {
            adjustments: scores.adjusted,
        },
        outputs: outputs.collect(),
    };
    write_json(&head, out)?;
    let json = out.len();
    for asked in wanted.iter().filter(|asked| asked.binary) {
        write_binary(asked.output, scores, out)?;
    }
    Ok(json)
}

fn respond(json: usize, body: Bytes) -> Response {
    if json == body.len() {
        return counted(([(CONTENT_TYPE, "application/json")], Body::from(body)).into_response());
    }
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (HEADER_LENGTH, json.to_string()),
    ];
    counted((headers, Body::from(body)).into_response())
}

/// Bytes before each text: its length.
const LENGTH: usize = 4;

/// How many bytes an output's values take.
fn binary_size(output: Output, scores: &Scores) -> usize {
    match output {
        Output::Prediction | Output::Probability => scores.len() * size_of::<u64>(),
        Output::Label | Output::Outcome | Output::Rules | Output::Adjustments => {
            scores.texts(output).map(|text| LENGTH + text.len()).sum()
        }
    }
}

/// An output's values as bytes.
fn write_binary(output: Output, scores: &Scores, out: &mut Buffer) -> Result<(), Full> {
    match output {
        Output::Prediction => {
            let mut values = scores.predictions.iter();
            values.try_for_each(|value| out.extend(&value.to_le_bytes()))
        }
        Output::Probability => {
            let mut values = scores.probabilities.iter();
            values.try_for_each(|value| out.extend(&value.to_le_bytes()))
        }
        Output::Label | Output::Outcome | Output::Rules | Output::Adjustments => {
            scores.texts(output).try_for_each(|text| {
                let length = u32::try_from(text.len()).unwrap_or_default();
                out.extend(&length.to_le_bytes())?;
                out.extend(text.as_bytes())
            })
        }
    }
}
