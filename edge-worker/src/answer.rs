//! The answers of `docs/reference/http.md`.

use crate::decider::{self, Fault};
use model_http::summary::{Root, api_name, healthy, unhealthy};
use model_http::{Refusal, detail_json, envelope, media, request_id};
use worker::{Response, ResponseBuilder, Result, console_error};

/// What the client accepts chooses between the page and JSON.
pub(crate) const BY_ACCEPT: (&str, &str) = ("vary", "accept");

/// One answer before it is a [`Response`]: JSON, or a sketch.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    content_type: &'static str,
    body: Vec<u8>,
    /// A header that only this answer has: name and value.
    header: Option<(&'static str, &'static str)>,
}

/// `GET /`
pub(crate) fn root() -> Answer {
    let body = decider::describe(|description| {
        let model = &description.model;
        Root {
            name: &api_name(&model.name, model.title.as_deref()),
            description: model.description.as_deref().unwrap_or_default(),
            model: model.id(),
            features: description.feature_counts(),
        }
        .to_json()
    });
    Answer {
        header: Some(BY_ACCEPT),
        ..Answer::json(200, body.unwrap_or_else(|_| Root::without_model(None)))
    }
}

/// `GET /health`
pub(crate) fn health() -> Answer {
    match decider::describe(|description| healthy(description.model.id())) {
        Ok(body) => Answer::json(200, body),
        Err(Fault::Unavailable(detail) | Fault::Trapped(detail)) => {
            Answer::json(503, unhealthy(&detail))
        }
    }
}

impl Answer {
    /// JSON as it is, such as the module's own answer.
    pub(crate) fn json(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: media::JSON,
            body,
            header: None,
        }
    }

    /// As one of many: an answer as it is, a refusal with its row and status.
    pub(crate) fn write_as_row(&self, row: usize, out: &mut Vec<u8>) {
        if self.status == 200 {
            out.extend_from_slice(&self.body);
            return;
        }
        out.extend_from_slice(self.body.strip_suffix(b"}").unwrap_or(&self.body));
        let end = format!(",\"row\":{row},\"status\":{}}}", self.status);
        out.extend_from_slice(end.as_bytes());
    }

    /// A file for `underwrite drift`.
    pub(crate) fn sketch(sketch: Vec<u8>) -> Self {
        Self {
            content_type: "application/octet-stream",
            ..Self::json(200, sketch)
        }
    }

    /// A decision in its envelope.
    pub(crate) fn decision(mut decision: Vec<u8>, seconds: f64, request_id: &str) -> Self {
        envelope::add(&mut decision, seconds, request_id);
        Self::json(200, decision)
    }

    /// A refusal in the words that all hosts share.
    pub(crate) fn refusal(refusal: &Refusal) -> Self {
        Self::json(refusal.status(), refusal.to_json())
    }

    /// `allow` lists the methods the route has.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            header: Some(("allow", allow)),
            ..Self::refusal(&Refusal::MethodNotAllowed)
        }
    }

    /// The request shows no key, or one that is not known.
    pub(crate) fn unauthorized() -> Self {
        Self {
            header: Some(("www-authenticate", "Bearer")),
            ..Self::refusal(&Refusal::Unauthorized)
        }
    }

    /// The Worker's own fault: logged once under the request's id, without anything of the
    /// request.
    pub(crate) fn fault(fault: &Fault, request_id: &str) -> Self {
        match fault {
            Fault::Unavailable(detail) => Self::json(503, detail_json(detail)),
            Fault::Trapped(name) => {
                console_error!("request {request_id} failed: the module threw {name}");
                Self::refusal(&Refusal::Fault {
                    request_id: request_id.to_owned(),
                })
            }
        }
    }

    /// Adds the headers that every answer has, and leaves out the body for `HEAD`.
    pub(crate) fn into_response(self, id: &str, method: &str) -> Result<Response> {
        let mut response = ResponseBuilder::new()
            .with_status(self.status)
            .with_header("content-type", self.content_type)?
            .with_header(
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            )?
            .with_header("referrer-policy", "no-referrer")?
            .with_header("x-content-type-options", "nosniff")?
            .with_header(request_id::HEADER, id)?;
        if let Some((name, value)) = self.header {
            response = response.with_header(name, value)?;
        }
        if method == "POST" {
            response = response.with_header("cache-control", "no-store")?;
        }
        Ok(match method {
            "HEAD" => response.empty(),
            _ => response.fixed(self.body),
        })
    }
}
