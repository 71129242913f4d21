//! `POST /v2/models/{name}/infer`.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::rows::{Rows, decoded, names};
use super::super::score_rows::{ScoreError, Scored, score};
use super::OUTPUTS;
use super::tensor::{Tensor, write_binary};
use crate::app::App;
use crate::host::{Description, Feature};
use crate::http::body::read_whole;
use crate::http::error::ApiError;
use crate::http::oip_error::OipError;
use crate::http::request_id::RequestId;

/// Where the JSON ends and the bytes of binary tensors begin.
const HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
    inputs: Vec<Tensor>,
    #[serde(default)]
    outputs: Option<Vec<Wanted>>,
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
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
    let limits = app.limits();
    let body = read_whole(headers, body, limits.batch_bytes, limits.body).await?;
    let (json, binary) = split(headers, &body)?;
    let request: Request = serde_json::from_slice(json)
        .map_err(|error| OipError::bad(format!("not an inference request: {error}")))?;
    let wanted = wanted(&request)?;
    let rows = rows(
        request.inputs,
        binary,
        served.description(),
        limits.batch_rows,
    )
    .map_err(OipError::bad)?;
    let version = served.version().to_owned();
    let scores = score(app, served, rows)
        .await
        .map_err(|problem| match problem {
            ScoreError::Refused(reason) => OipError::bad(reason),
            ScoreError::Overloaded => ApiError::Overloaded.into(),
            ScoreError::Failed(reason) => {
                tracing::error!(request_id = id.as_str(), reason, "scoring failed");
                ApiError::fault(&id).into()
            }
        })?;
    let request_id = request.id.unwrap_or_else(|| id.as_str().to_owned());
    let head = json!({ "model_name": name, "model_version": version, "id": request_id });
    Ok(respond(head, &wanted, &scores))
}

fn split<'a>(headers: &HeaderMap, body: &'a Bytes) -> Result<(&'a [u8], &'a [u8]), OipError> {
    let Some(value) = headers.get(HEADER_LENGTH) else {
        return Ok((body, &[]));
    };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length
        .and_then(|length| body.split_at_checked(length))
        .ok_or_else(|| {
            OipError::bad(format!(
                "{HEADER_LENGTH} is {value:?}, the body has {} bytes",
                body.len()
            ))
        })
}

/// An output to answer with, and whether as bytes.
struct Output {
    name: &'static str,
    datatype: &'static str,
    binary: bool,
}

fn wanted(request: &Request) -> Result<Vec<Output>, OipError> {
    let flag = |parameters: &Option<Map<String, Value>>, key: &str| {
        parameters.as_ref()?.get(key)?.as_bool()
    };
    let binary = flag(&request.parameters, "binary_data_output").unwrap_or(false);
    let Some(outputs) = request
        .outputs
        .as_ref()
        .filter(|outputs| !outputs.is_empty())
    else {
        let all = OUTPUTS.map(|(name, datatype)| Output {
            name,
            datatype,
            binary,
        });
        return Ok(all.into());
    };
    outputs
        .iter()
        .map(|output| {
            let found = OUTPUTS.iter().find(|(name, _)| *name == output.name);
            let (name, datatype) = found.ok_or_else(|| {
                OipError::bad(format!(
                    "there is no output `{}`, expected prediction, probability or label",
                    output.name
                ))
            })?;
            Ok(Output {
                name,
                datatype,
                binary: flag(&output.parameters, "binary_data").unwrap_or(binary),
            })
        })
        .collect()
}

/// Columns by name, or one tensor of numbers in the order of the inputs.
fn rows(
    mut tensors: Vec<Tensor>,
    mut binary: &[u8],
    model: &Description,
    most: usize,
) -> Result<Rows, String> {
    let inputs: Vec<&Feature> = model.input_features().collect();
    let known = |name: &str| model.features.iter().any(|feature| feature.name == name);
    if let [one] = tensors.as_mut_slice()
        && !known(&one.name)
    {
        let values = one.values(&mut binary)?;
        if one.shape.last() != Some(&inputs.len()) {
            return Err(format!(
                "input `{}` is no feature of the model, and its shape {:?} is not [rows, {}] for {}",
                one.name,
                one.shape,
                inputs.len(),
                names(&inputs)
            ));
        }
        let mut rows = Rows::default();
        for row in values.chunks(inputs.len()) {
            rows.check_room(most)?;
            rows.push_positional(row, &inputs)?;
        }
        return Ok(rows);
    }
    let mut columns = Vec::with_capacity(tensors.len());
    for tensor in &mut tensors {
        let values = tensor.values(&mut binary)?;
        columns.push((tensor.name.as_str(), values));
    }
    let count = columns.first().map_or(0, |(_, values)| values.len());
    if let Some((name, values)) = columns.iter().find(|(_, values)| values.len() != count) {
        return Err(format!(
            "input `{name}` has {} values, the first input {count}",
            values.len()
        ));
    }
    let mut rows = Rows::default();
    for row in 0..count {
        rows.check_room(most)?;
        rows.push(columns.iter().map(|(name, values)| {
            let feature = model.features.iter().find(|feature| feature.name == *name);
            let value = feature.map_or_else(
                || values[row].clone(),
                |feature| decoded(feature, &values[row]),
            );
            (*name, value)
        }));
    }
    Ok(rows)
}

fn respond(mut head: Value, wanted: &[Output], scores: &[Scored]) -> Response {
    let mut binary = Vec::new();
    let outputs: Vec<Value> = wanted
        .iter()
        .map(|output| {
            let values: Vec<Value> = scores
                .iter()
                .map(|scored| pick(output.name, scored))
                .collect();
            let mut tensor = json!({
                "name": output.name,
                "datatype": output.datatype,
                "shape": [values.len(), 1],
            });
            if output.binary {
                let before = binary.len();
                write_binary(&values, output.datatype, &mut binary);
                tensor["parameters"] = json!({ "binary_data_size": binary.len() - before });
            } else {
                tensor["data"] = values.into();
            }
            tensor
        })
        .collect();
    head["outputs"] = outputs.into();
    let mut body = head.to_string().into_bytes();
    if binary.is_empty() {
        return ([(CONTENT_TYPE, "application/json")], body).into_response();
    }
    let length = body.len().to_string();
    body.extend_from_slice(&binary);
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (HEADER_LENGTH, length),
    ];
    (headers, body).into_response()
}

fn pick(name: &str, scored: &Scored) -> Value {
    match name {
        "prediction" => scored.prediction.into(),
        "probability" => scored.probability.into(),
        _ => scored.prediction_label.as_str().into(),
    }
}
