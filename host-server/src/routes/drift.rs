//! `GET /drift` and below: whether a model's requests and answers still look like its training
//! rows.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use crate::app::App;
use crate::http::admission::Work;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;
use crate::models::drift::Snapshot;

/// The report contains its style sheet and charts; it loads and runs nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// The form in which a window is requested.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Html,
    Sketch,
}

pub(super) fn routes() -> Router<Arc<App>> {
    let forms = [
        ("/drift", Form::Json),
        ("/drift/report", Form::Html),
        ("/drift/sketch", Form::Sketch),
    ];
    forms
        .into_iter()
        .fold(Router::new(), |router, (path, form)| {
            let default = async move |asked: Asked| answer(asked, None, None, form).await;
            let named = async move |asked: Asked, Path(name): Path<String>| {
                answer(asked, Some(name), None, form).await
            };
            let version = async move |asked: Asked, Path((name, version))| {
                answer(asked, Some(name), Some(version), form).await
            };
            router
                .route(path, get(default))
                .route(&format!("/models/{{name}}{path}"), get(named))
                .route(
                    &format!("/models/{{name}}/versions/{{version}}{path}"),
                    get(version),
                )
        })
}

/// What all of these requests have.
type Asked = (State<Arc<App>>, Extension<RequestId>, Extension<Caller>);

async fn answer(
    (State(app), Extension(id), Extension(caller)): Asked,
    name: Option<String>,
    version: Option<String>,
    form: Form,
) -> Result<Response, ApiError> {
    let monitor = app.monitored(&caller, name.as_deref(), version.as_deref());
    let monitor = monitor.await?;
    let fault = |error: &dyn std::fmt::Display| {
        tracing::error!(request_id = id.as_uuid(), %error, "drift report failed");
        ApiError::fault(&id)
    };
    // Comparing and drawing take milliseconds: not on an async worker.
    let work = move || write(&monitor.snapshot(), form);
    app.admission()
        .work(Work::Look, &caller, work)
        .await
        .map_err(|error| fault(&error))?
        .map_err(|problem| match problem {
            Problem::TooFew(detail) => ApiError::NotThere { detail },
            Problem::Html(error) => fault(&error),
        })
}

enum Problem {
    TooFew(String),
    Html(model_drift::report::HtmlError),
}

fn write(snapshot: &Snapshot, form: Form) -> Result<Response, Problem> {
    Ok(match form {
        Form::Json => {
            let json = [(CONTENT_TYPE, "application/json")];
            (json, snapshot.json()).into_response()
        }
        Form::Html => {
            let html = snapshot.html().map_err(Problem::Html)?;
            let content_type = HeaderValue::from_static("text/html; charset=utf-8");
            let headers = [
                (CONTENT_TYPE, content_type),
                (CONTENT_SECURITY_POLICY, POLICY),
            ];
            (headers, html).into_response()
        }
        Form::Sketch => {
            let headers = [
                (CONTENT_TYPE, "application/octet-stream"),
                (
                    CONTENT_DISPOSITION,
                    "attachment; filename=\"window.sketch\"",
                ),
            ];
            let sketch = snapshot.sketch().map_err(Problem::TooFew)?;
            (headers, sketch).into_response()
        }
    })
}
