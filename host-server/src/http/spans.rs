//! Exports a span of each request to an OpenTelemetry collector (OTLP, protobuf over HTTP) from
//! a thread of its own. Its queue is bounded: when the collector is slow or down, spans are
//! dropped, and requests are unaffected.
//!
//! Names and attributes follow OpenTelemetry's semantic conventions for HTTP servers, except
//! that `url.path` and a client's `tracestate` are left out: a client may have put anything there.
//! `http.route` is exported instead of the path.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use model_client::shown_url;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanKind, Status, Tracer, TracerProvider,
};

use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::request_id::HEADER;
use crate::error::ServeError;
use crate::threads::Threads;

/// Where spans are exported to.
#[derive(Debug, Clone)]
pub struct TraceOptions {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, such as `http://localhost:4318`; `/v1/traces` is added.
    pub endpoint: String,
    /// `OTEL_SERVICE_NAME`: the attribute `service.name`.
    pub service: String,
}

/// The timeout of one export.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a shutdown waits for the last spans.
const LAST_WAIT: Duration = Duration::from_secs(2);
/// The longest answer that is read, in bytes. A collector answers with a few.
const LONGEST_ANSWER: u64 = 64 << 10;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Records spans and exports them.
pub(crate) struct Spans {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    parents: TraceContextPropagator,
    scheme: &'static str,
}

impl Spans {
    /// Prepares the export; nothing is sent yet. `scheme` is the one that clients use.
    pub(crate) fn start(
        options: &TraceOptions,
        scheme: &'static str,
    ) -> Result<Arc<Self>, ServeError> {
        let endpoint = format!("{}/v1/traces", options.endpoint.trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(&endpoint))
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(PATIENCE)
            .with_endpoint(&endpoint)
            .build()
            .map_err(|error| ServeError::Setting(format!("otlp-endpoint: {error}")))?;
        let service = Resource::builder().with_service_name(options.service.clone());
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(service.build())
            .build();
        Ok(Arc::new(Self {
            tracer: provider.tracer("underwrite"),
            provider,
            parents: TraceContextPropagator::new(),
            scheme,
        }))
    }

    /// Wraps a router so that each of its requests becomes a span.
    pub(crate) fn around(self: &Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::clone(self), record))
    }

    /// Exports the remaining spans.
    pub(crate) async fn finish(self: Arc<Self>, threads: &Threads) {
        let _ = threads
            .run(move || self.provider.shutdown_with_timeout(LAST_WAIT))
            .await;
    }

    fn begin(&self, request: &Request) -> impl Span + use<> {
        let route = request.extensions().get::<MatchedPath>();
        let method = known(request.method());
        let mut attributes = vec![
            KeyValue::new("http.request.method", method.unwrap_or("_OTHER")),
            KeyValue::new("url.scheme", self.scheme),
        ];
        if let Some(version) = protocol_version(request.version()) {
            attributes.push(KeyValue::new("network.protocol.version", version));
        }
        let mut name = method.unwrap_or("HTTP").to_owned();
        if let Some(route) = route {
            name = format!("{name} {}", route.as_str());
            attributes.push(KeyValue::new("http.route", route.as_str().to_owned()));
        }
        let caller = HeaderExtractor(request.headers());
        let parent = self.parents.extract_with_context(&Context::new(), &caller);
        let span = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        self.tracer.build_with_context(span, &parent)
    }
}

/// The layer. The access log names the `traceparent` that it sets on the request.
async fn record(State(spans): State<Arc<Spans>>, mut request: Request, next: Next) -> Response {
    // A client may have put anything there, and the exporter would send it with the span.
    request.headers_mut().remove(TRACESTATE);
    let mut span = spans.begin(&request);
    let ours = traceparent(span.span_context());
    if let Some(ours) = &ours {
        request.headers_mut().insert(TRACEPARENT, ours.clone());
    }
    let mut response = next.run(request).await;
    let status = response.status();
    let code = i64::from(status.as_u16());
    span.set_attribute(KeyValue::new("http.response.status_code", code));
    if let Some(id) = request_id(response.headers()) {
        span.set_attribute(KeyValue::new("http.response.header.x-request-id", id));
    }
    if status.is_server_error() {
        span.set_attribute(KeyValue::new("error.type", code.to_string()));
        span.set_status(Status::error(""));
    }
    span.end();
    if let Some(ours) = ours {
        response.headers_mut().insert(TRACEPARENT, ours);
    }
    response
}

/// The request id as a list, which is how the conventions represent headers.
fn request_id(headers: &HeaderMap) -> Option<Value> {
    let id = headers.get(HEADER)?.to_str().ok()?;
    Some(Value::Array(Array::String(vec![StringValue::from(
        id.to_owned(),
    )])))
}

fn traceparent(span: &SpanContext) -> Option<HeaderValue> {
    let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags().to_u8());
    HeaderValue::from_str(&format!("00-{trace}-{id}-{flags:02x}")).ok()
}

/// A well-known method; clients can invent any number of others.
fn known(method: &Method) -> Option<&'static str> {
    let methods = [
        Method::GET,
        Method::POST,
        Method::HEAD,
        Method::OPTIONS,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
    ];
    let names = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"];
    let at = methods.iter().position(|known| known == method)?;
    names.get(at).copied()
}

fn protocol_version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        _ => None,
    }
}

/// The collector's HTTP client, called by the exporter's thread; it blocks.
#[derive(Debug)]
struct Collector {
    agent: ureq::Agent,
    endpoint: String,
    /// Whether the last export failed, so that an outage is logged once.
    is_failing: AtomicBool,
}

impl Collector {
    fn new(endpoint: &str) -> Self {
        Self {
            agent: ureq::Agent::config_builder()
                .timeout_global(Some(PATIENCE))
                .http_status_as_error(false)
                // A redirected POST arrives as a GET, whose answer says nothing about the spans.
                .max_redirects(0)
                .build()
                .into(),
            endpoint: endpoint.to_owned(),
            is_failing: AtomicBool::new(false),
        }
    }

    fn send(
        &self,
        request: opentelemetry_http::Request<Bytes>,
    ) -> Result<opentelemetry_http::Response<Bytes>, ureq::Error> {
        let (parts, body) = request.into_parts();
        let request = opentelemetry_http::Request::from_parts(parts, &body[..]);
        let (parts, mut body) = self.agent.run(request)?.into_parts();
        let sent = body.with_config().limit(LONGEST_ANSWER);
        let mut answer = Vec::new();
        // That limit counts what comes over the wire: a few bytes can unpack to many. What is cut
        // off is only the reason for a refusal.
        let mut unpacked = sent.reader().take(LONGEST_ANSWER);
        unpacked.read_to_end(&mut answer)?;
        Ok(opentelemetry_http::Response::from_parts(
            parts,
            answer.into(),
        ))
    }

    fn note(&self, failure: Option<String>) {
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        let collector = shown_url(&self.endpoint);
        match failure {
            Some(reason) if !was_failing => {
                tracing::warn!(collector, reason, "span export failed");
            }
            None if was_failing => tracing::info!(collector, "span export resumed"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(
        &self,
        request: opentelemetry_http::Request<Bytes>,
    ) -> Result<opentelemetry_http::Response<Bytes>, HttpError> {
        let answer = self.send(request);
        self.note(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answered {}", answer.status())),
            Err(error) => Some(error.to_string()),
        });
        Ok(answer?)
    }
}
