//! What every request passes: it assigns a request id, records metrics, authenticates, and
//! sets the headers that every answer has.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{MatchedPath, Request as AnyRequest, State};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::admission::Admission;
use super::answers::count;
use super::authentication::{Access, Denied, Keys};
use super::caller::Caller;
use super::connection::Peer;
use super::error::ApiError;
use super::metrics::{HttpMetrics, Rejected, Series};
use super::oip_error::OipError;
use super::page;
use super::refusal::refuse;
use super::request_id::RequestId;
use super::trace_context;
use crate::seldom::Denials;

/// The page may load and run only what this server gives it; nothing may frame it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; worker-src 'self'; form-action 'none'; \
     base-uri 'none'; frame-ancestors 'none'",
);
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const CLOSE: HeaderValue = HeaderValue::from_static("close");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The route of every path that matches none: clients can invent any number of paths, and each
/// label would be a new time series.
const NO_ROUTE: &str = "none";

/// The middleware and what it needs.
pub(crate) struct Middleware {
    pub(crate) metrics: Arc<HttpMetrics>,
    pub(crate) keys: Arc<Keys>,
    /// The memory of answers.
    pub(crate) admission: Arc<Admission>,
    /// Whether each request is logged.
    pub(crate) access_log: bool,
    /// Whether that log has the address that the request came from.
    pub(crate) log_client_address: bool,
    /// Whether browsers are told to use https alone.
    pub(crate) https: bool,
    /// Whether each answer is its connection's last.
    pub(crate) stopping: AtomicBool,
    /// Requests of administrators that were denied.
    pub(crate) denied: Denials,
    /// Requests of people that were denied.
    pub(crate) people_denied: Denials,
}

/// [`Middleware::pass`] as a layer around a router.
pub(crate) async fn layer(
    State(middleware): State<Arc<Middleware>>,
    request: AnyRequest,
    next: Next,
) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let series = middleware.metrics.series(route, request.method());
    let peer = request.extensions().get::<Peer>().copied();
    middleware
        .pass(&series, peer, request, async |mut request, id, caller| {
            if !is_utf8(request.uri().path()) {
                let refusal = ApiError::Malformed {
                    detail: "The path is not UTF-8".to_owned(),
                };
                return match route.starts_with("/v") {
                    true => refuse(request, OipError::from(refusal)).await,
                    false => refuse(request, refusal).await,
                };
            }
            request.extensions_mut().insert(id);
            request.extensions_mut().insert(caller.clone());
            let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
            let answer = next.run(request).await;
            let counted = count(answer, is_read, middleware.admission.budget(), &caller);
            counted.unwrap_or_else(|full| {
                middleware.metrics.reject(Rejected::overload);
                let refusal = ApiError::from(full);
                match route.starts_with("/v2") {
                    true => OipError::from(refusal).into_response(),
                    false => refusal.into_response(),
                }
            })
        })
        .await
}

impl Middleware {
    /// From now on each answer is its connection's last.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Passes a request on to `next`, with its id and its caller, and completes the answer.
    pub(crate) async fn pass<B>(
        &self,
        series: &Series,
        peer: Option<Peer>,
        request: Request<B>,
        next: impl AsyncFnOnce(Request<B>, RequestId, Caller) -> Response,
    ) -> Response
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
    {
        let start = Instant::now();
        let id = RequestId::from_headers(request.headers());
        let trace = trace_context::child_of(request.headers());
        let route = series.route();
        let method = request.method().clone();
        let in_flight = self.metrics.enter(series);
        let is_post = method == Method::POST;
        let peer = peer.map(|peer| peer.0.ip());
        let admitted = self.admit(request.headers(), peer, route, is_post);
        let caller = admitted.as_ref().ok().cloned().unwrap_or_default();

        let mut response = match admitted {
            Ok(caller) => next(request, id.clone(), caller.or_from(peer)).await,
            // Clients of the Open Inference Protocol expect its own form of an error.
            Err(refusal) if route.starts_with("/v2") => {
                Box::pin(refuse(request, OipError::from(refusal))).await
            }
            Err(refusal) => Box::pin(refuse(request, refusal)).await,
        };

        let took = start.elapsed();
        let status = response.status();
        in_flight.answered(status, took);
        if status == StatusCode::REQUEST_TIMEOUT {
            self.metrics.reject(Rejected::timeout);
        }
        if self.access_log {
            let milliseconds = took.as_secs_f64() * 1e3;
            let trace = trace.as_ref().map(|trace| trace.trace_id());
            // A client's own id or method may say anything: they are free text.
            let id = id.as_uuid();
            let method = known_method(&method);
            let client = peer.filter(|_| self.log_client_address);
            let client = client.map(tracing::field::display);
            tracing::info!(
                request_id = id,
                trace_id = trace,
                key = caller.name(),
                client,
                method,
                route,
                status = status.as_u16(),
                milliseconds,
                "request answered"
            );
        }
        let headers = response.headers_mut();
        // A drift report brings its own.
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
        headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.insert(REFERRER_POLICY, NO_REFERRER);
        if is_post {
            headers.insert(CACHE_CONTROL, NO_STORE);
        }
        if self.stopping.load(Ordering::Relaxed) {
            headers.insert(CONNECTION, CLOSE);
        }
        if self.https {
            headers.insert(STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
        }
        if let Some(value) = trace.and_then(|trace| trace.header()) {
            headers.insert(TRACEPARENT, value);
        }
        id.write(headers);
        response
    }

    /// Key first, then rate: who may not ask learns nothing else.
    fn admit(
        &self,
        headers: &HeaderMap,
        from: Option<IpAddr>,
        route: &str,
        is_post: bool,
    ) -> Result<Caller, ApiError> {
        let Some(access) = access(route, is_post) else {
            return Ok(Caller::default());
        };
        self.keys.allow(headers, from, access).map_err(|denied| {
            let cause = match denied {
                Denied::TooMany { .. } => Rejected::rate,
                _ => Rejected::key,
            };
            self.metrics.reject(cause);
            if access == Access::Administration {
                let actor = self.keys.caller(headers);
                if let Some(times) = self.denied.due(&actor) {
                    tracing::warn!(actor = actor.name(), route, times, "admin request denied");
                }
            }
            ApiError::Denied(denied)
        })
    }
}

/// Whether what a path escapes is text: what it names could not be written into an answer.
fn is_utf8(path: &str) -> bool {
    if !path.contains('%') {
        return true;
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, others @ ..] = rest {
        let escaped = || {
            let digits = std::str::from_utf8(others.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        match escaped().filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

/// A method that routes may have; `other` for a word of the client's.
fn known_method(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::OPTIONS => method.as_str(),
        Method::PUT | Method::DELETE | Method::PATCH => method.as_str(),
        _ => "other",
    }
}

/// What a route needs. Whatever is posted asks for decisions, but for the two that change
/// which model answers; whatever else is read is open to everybody.
pub(crate) fn access(route: &str, is_post: bool) -> Option<Access> {
    match route {
        NO_ROUTE => None,
        _ if route.starts_with("/decisions") => Some(Access::People),
        "/log/retain" => Some(Access::Administration),
        _ if route.starts_with("/log/") && is_post => Some(Access::Administration),
        _ if route.starts_with("/log/tile/entries/") => Some(Access::LogEntries),
        _ if route.starts_with("/log/") => Some(Access::Log),
        _ if is_post && (route.ends_with("/reload") || route.ends_with("/rollback")) => {
            Some(Access::Administration)
        }
        _ if is_post => Some(Access::Decisions),
        "/metrics" => Some(Access::Metrics),
        _ if route.split('/').any(|part| part == "drift") => Some(Access::Drift),
        _ if page::is_file(route) => Some(Access::Page),
        _ => None,
    }
}
