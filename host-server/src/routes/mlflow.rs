//! MLflow's scoring protocol, which SageMaker shares: `/invocations`, `/ping`, `/version`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::answer::receipt;
use super::batch::csv_table;
use super::rows::{Table, Unreadable, columns, is_object, parse, short};
use super::score_rows::{Asked, NoScores, Output, score};
use super::scores_answer::predictions;
use crate::app::App;
use crate::host::Description;
use crate::http::body::ContentType;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;
use crate::models::registry::{Affinity, Served};
use crate::record::Call;

const ROUTE: &str = "/invocations";

/// MLflow's keys, of which a body has one.
const KEYS: &str = "expected one of `dataframe_split`, `dataframe_records`, `instances`, `inputs`";

/// 200 when there is a model that can decide.
pub(super) async fn ping(State(app): State<Arc<App>>) -> Response {
    match app.champion() {
        Some(_) => "\n".into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "\n").into_response(),
    }
}

/// Of this program.
pub(super) async fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

pub(super) async fn invocations(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, MlflowError> {
    let is_csv = is_csv(&headers)?;
    let call = Call::new(&id, &caller, &headers, ROUTE);
    let target = app.target(None, Affinity::by_id(id.given()))?;
    let version = target.served.version().to_owned();
    let most = app.limits().batch_rows;
    let packed = app.read_batch(&call, body).await?;
    let read = move |served: &Served, body: &Bytes| {
        let model = served.description();
        let table = match is_csv {
            true => csv_table(body, served, most).map(|table| (table, Asked::of(model))),
            false => read_json(body, model, most),
        };
        table.map_err(|error| NoScores::unreadable(error, most))
    };
    let scored = Box::pin(score(&app, &call, target, packed, read)).await;
    let mut scored = scored.map_err(|problem| match problem {
        NoScores::Refused(reason) => MlflowError::new(StatusCode::BAD_REQUEST, reason),
        NoScores::Api(error) => error.into(),
        NoScores::Failed(_) => ApiError::fault(&id).into(),
    })?;
    let mut response = predictions(&app, &call, scored.head, &mut scored.scores).await?;
    scored.scores.write_headers(&version, &mut response);
    receipt(&mut response, scored.written);
    Ok(response)
}

fn is_csv(headers: &HeaderMap) -> Result<bool, MlflowError> {
    match ContentType::read(headers) {
        None => Ok(false),
        Some(given) if given.is_json() => Ok(false),
        Some(given) if given.essence == "text/csv" => Ok(true),
        Some(given) => Err(MlflowError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "The content type is `{}`, expected `application/json` or `text/csv`",
                given.header
            ),
        )),
    }
}

/// A body's keys. What has no meaning here is not looked at.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    dataframe_split: Option<&'a RawValue>,
    #[serde(borrow, default)]
    dataframe_records: Option<&'a RawValue>,
    #[serde(borrow, default)]
    instances: Option<&'a RawValue>,
    #[serde(borrow, default)]
    inputs: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "short")]
    params: Option<Params<'a>>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    /// Whether each prediction is to be an object with the outcome beside it.
    #[serde(default, deserialize_with = "short")]
    outcome: Option<bool>,
}

#[derive(Deserialize)]
struct Split<'a> {
    #[serde(borrow, default)]
    columns: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

fn read_json(body: &Bytes, model: &Description, most: usize) -> Result<(Table, Asked), Unreadable> {
    let request: Request<'_> = parse(body).map_err(|error| match error {
        Unreadable::Json(error) => Unreadable::Other(format!("not JSON that is taken: {error}")),
        _ => Unreadable::Other(format!("not an object; {KEYS}")),
    })?;
    let mut asked = Asked::of(model);
    if let Some(params) = &request.params {
        asked.output = wanted(params)?;
        asked.with_outcome = params.outcome.unwrap_or(false);
    }
    Ok((read_rows(body, &request, model, most)?, asked))
}

/// What `params.output` asks for.
fn wanted(params: &Params<'_>) -> Result<Output, Unreadable> {
    match params.output.map(RawValue::get) {
        None | Some("\"prediction\"") => Ok(Output::Prediction),
        Some("\"probability\"") => Ok(Output::Probability),
        Some("\"label\"") => Ok(Output::Label),
        Some(other) => Err(Unreadable::Other(format!(
            "params.output is {}, expected `prediction`, `probability` or `label`",
            &other[..other.floor_char_boundary(64)]
        ))),
    }
}

fn read_rows(
    body: &Bytes,
    request: &Request<'_>,
    model: &Description,
    most: usize,
) -> Result<Table, Unreadable> {
    let rows = |json: &RawValue, name: &str| match json.get().starts_with('[') {
        true => Table::of_rows(body, json.get().as_bytes(), model, most),
        false => Err(Unreadable::Other(format!("`{name}` is no list"))),
    };
    let given = [
        ("dataframe_split", request.dataframe_split),
        ("dataframe_records", request.dataframe_records),
        ("instances", request.instances),
        ("inputs", request.inputs),
    ];
    let mut names = given.iter().filter_map(|(name, rows)| rows.map(|_| name));
    if let (Some(one), Some(other)) = (names.next(), names.next()) {
        return Err(Unreadable::Other(format!(
            "the body has rows in `{one}` and in `{other}`: give them once"
        )));
    }
    if let Some(split) = request.dataframe_split {
        return read_split(body, split, model, most);
    }
    if let Some(records) = request.dataframe_records {
        return rows(records, "dataframe_records");
    }
    if let Some(instances) = request.instances {
        return rows(instances, "instances");
    }
    match request.inputs {
        Some(inputs) if is_object(inputs.get().as_bytes()) => {
            columns::read(body, inputs.get(), model, most)
        }
        Some(inputs) => rows(inputs, "inputs"),
        None => Err(Unreadable::Other(format!("the body has no rows; {KEYS}"))),
    }
}

fn read_split(
    body: &Bytes,
    split: &RawValue,
    model: &Description,
    most: usize,
) -> Result<Table, Unreadable> {
    let needs = || {
        let sentence = "`dataframe_split` needs `columns` and `data`, both lists";
        Unreadable::Other(sentence.to_owned())
    };
    let split: Split<'_> = parse(split.get().as_bytes()).map_err(|_| needs())?;
    let list = |part: Option<&'_ RawValue>| part.is_none_or(|part| part.get().starts_with('['));
    if !list(split.columns) || !list(split.data) {
        return Err(needs());
    }
    match (split.columns, split.data) {
        (Some(columns), Some(data)) => {
            let (columns, data) = (columns.get().as_bytes(), data.get().as_bytes());
            Table::of_split(body, columns, data, model, most)
        }
        (None, Some(data)) => Table::of_rows(body, data.get().as_bytes(), model, most),
        _ => Err(needs()),
    }
}

/// MLflow's form of an error.
pub(super) struct MlflowError {
    status: StatusCode,
    header: Option<[(HeaderName, HeaderValue); 1]>,
    message: String,
}

impl MlflowError {
    fn new(status: StatusCode, message: String) -> Self {
        Self {
            status,
            header: None,
            message,
        }
    }
}

impl From<ApiError> for MlflowError {
    fn from(error: ApiError) -> Self {
        Self {
            status: error.status(),
            header: error.header(),
            message: error.detail(),
        }
    }
}

impl IntoResponse for MlflowError {
    fn into_response(self) -> Response {
        let code = match self.status {
            status if status.is_client_error() => "BAD_REQUEST",
            StatusCode::SERVICE_UNAVAILABLE => "TEMPORARILY_UNAVAILABLE",
            _ => "INTERNAL_ERROR",
        };
        let body = json!({ "error_code": code, "message": self.message });
        (self.status, self.header, Json(body)).into_response()
    }
}
