//! MLflow's scoring protocol, which SageMaker shares: `/invocations`, `/ping`, `/version`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Map, Value, json};

use super::rows::Rows;
use super::score_rows::{ScoreError, Scored, score};
use crate::app::App;
use crate::host::Description;
use crate::http::body::{ContentType, read_whole};
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;

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
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, MlflowError> {
    let served = app.target(None, None)?.served;
    let limits = app.limits();
    let bytes = read_whole(&headers, body, limits.batch_bytes, limits.body).await?;
    let most = limits.batch_rows;
    let (rows, output) = match ContentType::read(&headers) {
        Some(given) if given.essence == "text/csv" => (
            Rows::from_csv(&bytes, most).map_err(bad)?,
            Output::Prediction,
        ),
        None => read_json(&bytes, served.description()).map_err(bad)?,
        Some(given) if given.is_json() => read_json(&bytes, served.description()).map_err(bad)?,
        Some(given) => {
            return Err(MlflowError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!(
                    "The content type is `{}`, expected `application/json` or `text/csv`",
                    given.header
                ),
            ));
        }
    };
    if rows.len() > most {
        return Err(ApiError::TooManyRows { most }.into());
    }
    let scores = score(&app, served, rows)
        .await
        .map_err(|problem| match problem {
            ScoreError::Refused(reason) => bad(reason),
            ScoreError::Overloaded => ApiError::Overloaded.into(),
            ScoreError::Failed(reason) => {
                tracing::error!(request_id = id.as_str(), reason, "scoring failed");
                ApiError::fault(&id).into()
            }
        })?;
    let predictions: Vec<Value> = scores.iter().map(|scored| output.value(scored)).collect();
    Ok(Json(json!({ "predictions": predictions })))
}

/// What `params.output` asks for.
#[derive(Clone, Copy)]
pub(super) enum Output {
    Prediction,
    Probability,
    Label,
}

impl Output {
    pub(super) fn value(self, scored: &Scored) -> Value {
        match self {
            Self::Prediction => scored.prediction.into(),
            Self::Probability => scored.probability.into(),
            Self::Label => scored.prediction_label.as_str().into(),
        }
    }

    fn read(params: Option<&Value>) -> Result<Self, String> {
        match params.and_then(|params| params.get("output")) {
            None => Ok(Self::Prediction),
            Some(word) => match word.as_str() {
                Some("prediction") => Ok(Self::Prediction),
                Some("probability") => Ok(Self::Probability),
                Some("label") => Ok(Self::Label),
                _ => Err(format!(
                    "params.output is {word}, expected `prediction`, `probability` or `label`"
                )),
            },
        }
    }
}

fn read_json(bytes: &[u8], model: &Description) -> Result<(Rows, Output), String> {
    let body: Value =
        serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}"))?;
    let Value::Object(body) = body else {
        return Err(format!("not an object; {KEYS}"));
    };
    let output = Output::read(body.get("params"))?;
    Ok((read_rows(&body, model)?, output))
}

fn read_rows(body: &Map<String, Value>, model: &Description) -> Result<Rows, String> {
    let list = |value: &Value, name: &str| match value.as_array() {
        Some(list) => Rows::from_list(list, model),
        None => Err(format!("`{name}` is no list")),
    };
    if let Some(split) = body.get("dataframe_split") {
        let part = |name: &str| split.get(name).and_then(Value::as_array);
        return match (part("columns"), part("data")) {
            (Some(columns), Some(data)) => Rows::from_split(columns, data),
            (None, Some(data)) => Rows::from_list(data, model),
            _ => Err("`dataframe_split` needs `columns` and `data`, both lists".to_owned()),
        };
    }
    if let Some(records) = body.get("dataframe_records") {
        return list(records, "dataframe_records");
    }
    if let Some(instances) = body.get("instances") {
        return list(instances, "instances");
    }
    match body.get("inputs") {
        Some(Value::Object(columns)) => Rows::from_columns(columns),
        Some(inputs) => list(inputs, "inputs"),
        None => Err(format!("the body has no rows; {KEYS}")),
    }
}

/// MLflow's form of an error.
pub(super) struct MlflowError {
    status: StatusCode,
    message: String,
}

impl MlflowError {
    fn new(status: StatusCode, message: String) -> Self {
        Self { status, message }
    }
}

fn bad(message: impl Into<String>) -> MlflowError {
    MlflowError::new(StatusCode::BAD_REQUEST, message.into())
}

impl From<ApiError> for MlflowError {
    fn from(error: ApiError) -> Self {
        Self::new(error.status(), error.detail())
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
        (self.status, Json(body)).into_response()
    }
}
