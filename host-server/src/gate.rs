//! What every request passes: it gets a name, is counted, and goes on only when it may.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{MatchedPath, Request as AnyRequest, State};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::keys::{Denied, Role};
use crate::metrics::{Rejected, Series};
use crate::request_id::RequestId;
use crate::routes::{ApiError, App, OipError, refuse};
use crate::trace_context;

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

/// Stands for every path that is no route: a client can make up any number of them.
const NO_ROUTE: &str = "none";

/// The middleware around all routes.
pub(crate) async fn gate(State(app): State<Arc<App>>, request: AnyRequest, next: Next) -> Response {
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str(),
        None => NO_ROUTE,
    };
    let series = app.metrics().http.series(route, request.method());
    pass(&app, &series, request, async |mut request, id| {
        request.extensions_mut().insert(id);
        next.run(request).await
    })
    .await
}

/// A request's way to `next`, which gets its name, and back.
pub(crate) async fn pass<B>(
    app: &App,
    series: &Series,
    request: Request<B>,
    next: impl AsyncFnOnce(Request<B>, RequestId) -> Response,
) -> Response
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let start = Instant::now();
    let id = RequestId::of(request.headers());
    let trace = trace_context::child_of(request.headers());
    let route = series.route();
    let method = request.method().clone();
    let in_flight = app.metrics().http.enter(series);
    let is_post = method == Method::POST;

    let mut response = match admit(app, request.headers(), route, is_post) {
        Ok(()) => next(request, id.clone()).await,
        // That protocol's clients look for its own form of an error.
        Err(refusal) if route.starts_with("/v2") => {
            refuse(request.into_body(), OipError::from(refusal)).await
        }
        Err(refusal) => refuse(request.into_body(), refusal).await,
    };

    let took = start.elapsed();
    let status = response.status();
    in_flight.answered(status, took);
    if status == StatusCode::REQUEST_TIMEOUT {
        app.metrics().http.reject(Rejected::timeout);
    }
    if app.logs_access() {
        let milliseconds = took.as_secs_f64() * 1e3;
        let trace = trace.as_ref().map(|trace| trace.trace_id());
        tracing::info!(request_id = id.as_str(), trace_id = trace, %method, route, status = status.as_u16(), milliseconds, "answered");
    }
    let headers = response.headers_mut();
    // A report brings its own.
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(REFERRER_POLICY, NO_REFERRER);
    if is_post {
        headers.insert(CACHE_CONTROL, NO_STORE);
    }
    if app.is_stopping() {
        headers.insert(CONNECTION, CLOSE);
    }
    if app.is_https() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    if let Some(value) = trace.and_then(|trace| trace.header()) {
        headers.insert(TRACEPARENT, value);
    }
    id.write(headers);
    response
}

/// Key first, then rate: who may not ask learns nothing else.
fn admit(app: &App, headers: &HeaderMap, route: &str, is_post: bool) -> Result<(), ApiError> {
    if let Some(role) = role(route, is_post) {
        app.keys().allow(headers, role).map_err(|denied| {
            let cause = match denied {
                Denied::TooMany { .. } => Rejected::rate,
                _ => Rejected::key,
            };
            app.metrics().http.reject(cause);
            ApiError::Denied(denied)
        })?;
    }
    Ok(())
}

/// What a route is for. Whatever is posted asks for decisions, but for the two that change
/// which model answers.
fn role(route: &str, is_post: bool) -> Option<Role> {
    match route {
        NO_ROUTE => None,
        "/metrics" => Some(Role::Metrics),
        _ if route.split('/').any(|part| part == "drift") => Some(Role::Metrics),
        _ if !is_post => None,
        _ if route.ends_with("/reload") || route.ends_with("/rollback") => Some(Role::Admin),
        _ => Some(Role::Predict),
    }
}
