//! The answers of `docs/reference/http.md`.

use crate::decider::{self, Description, Fault, ModelId};
use serde::Serialize;
use serde_json::json;
use worker::{Response, ResponseBuilder, Result, console_error};

/// One answer before it is a [`Response`]: JSON, or a sketch.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
    /// A header that only this answer has: name and value.
    header: Option<(&'static str, &'static str)>,
}

/// `GET /`
pub(crate) fn root() -> Answer {
    let without_model = br#"{"status":"ok","model_loaded":false}"#;
    let text = decider::describe(|description| json_text(&Root::new(description)));
    Answer {
        header: Some(("vary", "accept")),
        ..Answer::json(200, text.unwrap_or_else(|_| without_model.to_vec()))
    }
}

/// `GET /health`
pub(crate) fn health() -> Answer {
    let text = decider::describe(|description| json_text(&Health::new(&description.model.id)));
    match text {
        Ok(text) => Answer::json(200, text),
        Err(Fault::Unavailable(detail) | Fault::Trapped(detail)) => {
            let detail = json!(detail);
            let text =
                format!(r#"{{"status":"unhealthy","model_loaded":false,"detail":{detail}}}"#);
            Answer::json(503, text.into_bytes())
        }
    }
}

impl Answer {
    /// The module's words, unchanged.
    pub(crate) fn json(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: "application/json",
            body,
            header: None,
        }
    }

    /// A file for `underwrite drift`.
    pub(crate) fn sketch(sketch: Vec<u8>) -> Self {
        Self {
            content_type: "application/octet-stream",
            ..Self::json(200, sketch)
        }
    }

    /// A decision in its envelope: two fields before the last brace.
    pub(crate) fn decision(mut decision: Vec<u8>, seconds: f64, request_id: &str) -> Self {
        decision.pop();
        let (seconds, request_id) = (json!(seconds), json!(request_id));
        let envelope = format!(r#","latency_seconds":{seconds},"request_id":{request_id}}}"#);
        decision.extend_from_slice(envelope.as_bytes());
        Self::json(200, decision)
    }

    /// `{"detail": …}`
    pub(crate) fn error(status: u16, detail: &str) -> Self {
        Self::json(status, json!({ "detail": detail }).to_string().into_bytes())
    }

    /// `allow` lists the methods the route has.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            header: Some(("allow", allow)),
            ..Self::error(405, "Method Not Allowed")
        }
    }

    /// `wanted` is the content type that would do.
    pub(crate) fn unsupported(content_type: &str, wanted: &str) -> Self {
        let remedy = format!("send `content-type: {wanted}`, or none");
        let detail = format!("The body is said to be `{content_type}`, expected JSON: {remedy}");
        Self::error(415, &detail)
    }

    pub(crate) fn body_cut_off() -> Self {
        Self::error(400, "The body ended before its end: send it again")
    }

    /// A fault of ours is logged once, by its id, without anything of the request.
    pub(crate) fn fault(fault: &Fault, request_id: &str) -> Self {
        match fault {
            Fault::Unavailable(detail) => Self::error(503, detail),
            Fault::Trapped(name) => {
                console_error!("request {request_id}: the module failed: {name}");
                let detail = format!(
                    "The model failed on this request; the server has logged it as {request_id}"
                );
                Self::error(500, &detail)
            }
        }
    }

    /// With the headers every answer has, and without a body for `HEAD`.
    pub(crate) fn into_response(self, request_id: &str, head: bool) -> Result<Response> {
        let mut response = ResponseBuilder::new()
            .with_status(self.status)
            .with_header("content-type", self.content_type)?
            .with_header(
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            )?
            .with_header("referrer-policy", "no-referrer")?
            .with_header("x-content-type-options", "nosniff")?
            .with_header("x-request-id", request_id)?;
        if let Some((name, value)) = self.header {
            response = response.with_header(name, value)?;
        }
        Ok(if head {
            response.empty()
        } else {
            response.fixed(self.body)
        })
    }
}

#[derive(Serialize)]
struct Root<'a> {
    status: &'static str,
    name: String,
    version: &'a str,
    description: &'a str,
    model_loaded: bool,
    model: &'a ModelId,
    features_count: usize,
    categorical_count: usize,
    boolean_count: usize,
}

impl<'a> Root<'a> {
    fn new(description: &'a Description) -> Self {
        let used = || {
            description
                .features
                .iter()
                .filter(|feature| feature.role != "ignored")
        };
        let of_type = |kind| used().filter(|feature| feature.kind == kind).count();
        let model = &description.model;
        Self {
            status: "ok",
            name: format!("{} API", model.title.as_deref().unwrap_or(&model.id.name)),
            version: &model.id.version,
            description: model.description.as_deref().unwrap_or_default(),
            model_loaded: true,
            model: &model.id,
            features_count: used().count(),
            categorical_count: of_type("category"),
            boolean_count: of_type("boolean"),
        }
    }
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    model_loaded: bool,
    version: &'a str,
    model: &'a ModelId,
}

impl<'a> Health<'a> {
    fn new(model: &'a ModelId) -> Self {
        Self {
            status: "healthy",
            model_loaded: true,
            version: &model.version,
            model,
        }
    }
}

/// Structs of texts, numbers and booleans always serialize.
fn json_text(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
