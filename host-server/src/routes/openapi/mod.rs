//! `GET /openapi.json`: the API with the fields, ranges and examples of the model that
//! answers; and `GET /docs`, a page that shows it.

mod application;
mod log;

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::app::App;
use crate::asset::Asset;
use crate::http::static_file::respond;

static PAGE: LazyLock<Asset> = LazyLock::new(|| {
    file(
        "text/html; charset=utf-8",
        include_bytes!("../../../assets/docs.html"),
    )
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    file(
        "text/javascript; charset=utf-8",
        include_bytes!("../../../assets/docs.js"),
    )
});
static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    file(
        "text/css; charset=utf-8",
        include_bytes!("../../../assets/docs.css"),
    )
});

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/openapi.json", get(openapi))
        .route(
            "/docs",
            get(async |headers: HeaderMap| -> Response { respond(&PAGE, &headers) }),
        )
        .route(
            "/docs.js",
            get(async |headers: HeaderMap| -> Response { respond(&SCRIPT, &headers) }),
        )
        .route(
            "/docs.css",
            get(async |headers: HeaderMap| -> Response { respond(&STYLE, &headers) }),
        )
}

fn file(content_type: &'static str, bytes: &'static [u8]) -> Asset {
    Asset::new(content_type, Bytes::from_static(bytes))
}

async fn openapi(State(app): State<Arc<App>>) -> Json<Value> {
    let served = app.champion();
    let description = served.as_ref().map(|served| served.description());
    let mut schemas = json!({
        "Application": description.map_or(json!({ "type": "object" }), application::schema),
        "Decision": application::decision(description),
        "Error": error(),
        "ValidationError": validation_error(),
    });
    schemas["BatchAnswer"] = json!({ "anyOf": [
        { "$ref": "#/components/schemas/Decision" },
        { "$ref": "#/components/schemas/RowError" },
    ]});
    schemas["RowError"] = json!({
        "type": "object",
        "required": ["detail", "row", "status"],
        "properties": {
            "detail": true,
            "row": { "type": "integer", "description": "Index of the row, from 0." },
            "status": { "type": "integer", "description": "The status of this row on its own." },
        },
    });
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": app.name().unwrap_or_else(|| "Underwrite".to_owned()),
            "version": description.map_or("0", |description| description.model.version.as_str()),
            "description": about(description.map(|description| description.model.description.as_str())),
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "paths": paths(&app),
        "components": { "schemas": schemas },
    });
    if app.needs_key() || app.log().is_some() {
        document["components"]["securitySchemes"] = json!({
            "key": { "type": "apiKey", "in": "header", "name": "x-api-key" },
            "bearer": { "type": "http", "scheme": "bearer" },
        });
    }
    Json(document)
}

fn about(model: Option<&str>) -> String {
    let model = model.unwrap_or("There is no model yet.");
    format!(
        "{model}\n\nThe server also implements the Open Inference Protocol (`/v2`, `/v1`) and MLflow's \
         scoring protocol (`/invocations`, `/ping`, `/version`), as specified there."
    )
}

fn paths(app: &App) -> Value {
    let security = if app.needs_key() {
        json!([{ "key": [] }, { "bearer": [] }])
    } else {
        json!([])
    };
    let application = json!({ "$ref": "#/components/schemas/Application" });
    let decision = json!({ "$ref": "#/components/schemas/Decision" });
    let predict = |summary: &str, id: &str| {
        json!({
            "operationId": id,
            "summary": summary,
            "security": security,
            "requestBody": { "required": true, "content": { "application/json": { "schema": application } } },
            "responses": answers("The decision.", &decision, &["401", "404", "422"]),
        })
    };
    let mut named = predict("Decide with a named model", "predict_named");
    named["parameters"] = json!([name_parameter(app)]);
    let batch = json!({
        "operationId": "predict_batch",
        "summary": "Decide many applications, answered in order",
        "description": "Each row is validated as in `/predict`; a refused row does not fail the others. Also accepts and returns `application/x-ndjson`, streamed both ways, and `text/csv`.",
        "security": security,
        "requestBody": { "required": true, "content": { "application/json": { "schema": {
            "type": "array", "items": {}, "maxItems": app.limits().batch_rows,
            "description": "Applications.",
        } } } },
        "responses": answers("An answer for each row.", &json!({
            "type": "array", "items": { "$ref": "#/components/schemas/BatchAnswer" },
        }), &["401", "422"]),
    });
    let any = json!({ "type": "object" });
    let read = |id: &str, summary: &str| json!({ "operationId": id, "summary": summary, "responses": answers("The requested information.", &any, &[]) });
    let mut model = read("model", "One model");
    model["parameters"] = json!([name_parameter(app)]);
    let mut schema = read("schema", "A model's description of itself");
    schema["parameters"] = json!([name_parameter(app)]);
    let mut paths = json!({
        "/": { "get": read("home", "What the server serves") },
        "/health": { "get": read("health", "Health check") },
        "/predict": { "post": predict("Decide one application", "predict") },
        "/predict/batch": { "post": batch },
        "/models": { "get": read("models", "All models") },
        "/models/{name}": { "get": model },
        "/models/{name}/schema": { "get": schema },
        "/models/{name}/predict": { "post": named },
    });
    if !app.has_metrics_port() {
        let watch = |id: &str| {
            let mut operation = read(id, "Whether requests still look like the training rows");
            operation["description"] = "`status` is `waiting`, and `dataset_drift` is null, until there are enough requests. Needs a metrics key if one is configured. `/drift/report` is the same as a page.".into();
            operation["responses"]["404"] = answers("", &any, &["404"])["404"].take();
            operation
        };
        let mut named = watch("model_drift");
        named["parameters"] = json!([name_parameter(app)]);
        paths["/drift"] = json!({ "get": watch("drift") });
        paths["/models/{name}/drift"] = json!({ "get": named });
    }
    if app.log().is_some() {
        log::add(&mut paths);
    }
    paths
}

fn name_parameter(app: &App) -> Value {
    let example = app.champion().map(|served| served.name().to_owned());
    json!({
        "name": "name", "in": "path", "required": true,
        "schema": { "type": "string", "minLength": 1 },
        "example": example,
    })
}

/// A 200 answer, and the errors.
fn answers(description: &str, schema: &Value, statuses: &[&str]) -> Value {
    let content = |schema: Value| json!({ "application/json": { "schema": schema } });
    let mut answers = json!({
        "200": { "description": description, "content": content(schema.clone()) },
        "default": {
            "description": "The request failed; `detail` says why.",
            "content": content(json!({ "$ref": "#/components/schemas/Error" })),
        },
    });
    for status in statuses {
        let (description, name) = match *status {
            "401" => ("The key is missing or unknown.", "Error"),
            "404" => ("There is no such model.", "Error"),
            _ => (
                "The request was refused; each entry names a field.",
                "ValidationError",
            ),
        };
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        answers[*status] = json!({ "description": description, "content": content(schema) });
    }
    answers
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["detail"],
        "properties": { "detail": { "description": "A sentence." } },
    })
}

/// FastAPI's.
fn validation_error() -> Value {
    json!({
        "type": "object",
        "required": ["detail"],
        "properties": { "detail": { "type": "array", "items": {
            "type": "object",
            "required": ["type", "loc", "msg"],
            "properties": {
                "type": { "type": "string" },
                "loc": { "type": "array", "items": { "type": ["string", "integer"] } },
                "msg": { "type": "string" },
                "input": {},
            },
        } } },
    })
}
