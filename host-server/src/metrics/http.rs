//! Requests: by route, method and status. A route is a pattern (`/models/{name}`), never a
//! path that a client made up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds in seconds. A decision takes microseconds, a batch seconds.
const DURATIONS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0,
    5.0,
];

/// Why a request was turned away before it reached a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label's values")]
pub(crate) enum Rejected {
    key,
    rate,
    overload,
    connections,
    timeout,
}

/// Metrics of requests.
pub(crate) struct HttpMetrics {
    requests: Family<RouteStatus, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    rejected: Family<Cause, Counter>,
    connections: Gauge,
    predictions: Counter,
    prediction_latency: Histogram,
    fastapi: Option<FastApi>,
}

/// The second old service's names.
struct FastApi {
    requests: Family<EndpointStatus, Counter>,
    durations: Family<Endpoint, Histogram, fn() -> Histogram>,
    in_progress: Family<Endpoint, Gauge>,
    exceptions: Family<Endpoint, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteStatus {
    route: Arc<str>,
    method: Verb,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: Arc<str>,
    method: Verb,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cause {
    cause: Rejected,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointStatus {
    endpoint: Arc<str>,
    method: Verb,
    status_code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Endpoint {
    endpoint: Arc<str>,
    method: Verb,
}

/// A method; whatever a client makes up is `other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Verb(&'static str);

impl Verb {
    fn of(method: &Method) -> Self {
        let known = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"];
        let name = known.into_iter().find(|name| method.as_str() == *name);
        Self(name.unwrap_or("other"))
    }
}

impl EncodeLabelValue for Verb {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

/// One request on its way; dropped with it.
pub(crate) struct InFlight<'a> {
    metrics: &'a HttpMetrics,
    route: Arc<str>,
    verb: Verb,
}

impl HttpMetrics {
    pub(crate) fn register(registry: &mut Registry, fastapi: bool) -> Self {
        let new: fn() -> Histogram = || Histogram::new(DURATIONS);
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(new),
            in_flight: Gauge::default(),
            rejected: Family::default(),
            connections: Gauge::default(),
            predictions: Counter::default(),
            prediction_latency: new(),
            fastapi: fastapi.then(|| FastApi::register(registry)),
        };
        registry.register(
            "http_requests",
            "Requests answered, by route, method and status",
            metrics.requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time from a request's head to its answer's head",
            metrics.durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests being answered now",
            metrics.in_flight.clone(),
        );
        registry.register(
            "http_requests_rejected",
            "Requests turned away before a model saw them, by cause",
            metrics.rejected.clone(),
        );
        registry.register(
            "http_connections",
            "Connections open now",
            metrics.connections.clone(),
        );
        registry.register(
            "pred_requests",
            "Requests for a decision (the first service's name)",
            metrics.predictions.clone(),
        );
        registry.register(
            "pred_request_latency_seconds",
            "Time to decide (the first service's name)",
            metrics.prediction_latency.clone(),
        );
        metrics
    }

    /// A request came in; `InFlight::answered` says what became of it.
    pub(crate) fn enter(&self, route: Arc<str>, method: &Method) -> InFlight<'_> {
        let verb = Verb::of(method);
        self.in_flight.inc();
        if let Some(fastapi) = &self.fastapi {
            fastapi
                .in_progress
                .get_or_create(&endpoint(&route, verb))
                .inc();
        }
        InFlight {
            metrics: self,
            route,
            verb,
        }
    }

    pub(crate) fn reject(&self, cause: Rejected) {
        self.rejected.get_or_create(&Cause { cause }).inc();
    }

    pub(crate) fn connections(&self) -> &AtomicI64 {
        self.connections.inner()
    }

    /// A decision was asked for over `POST /predict`.
    pub(crate) fn predicted(&self, took: Duration) {
        self.predictions.inc();
        self.prediction_latency.observe(took.as_secs_f64());
    }
}

impl InFlight<'_> {
    pub(crate) fn answered(&self, status: StatusCode, took: Duration) {
        let seconds = took.as_secs_f64();
        let Self {
            metrics,
            route,
            verb,
        } = self;
        let labels = RouteStatus {
            route: Arc::clone(route),
            method: *verb,
            status: status.as_u16(),
        };
        metrics.requests.get_or_create(&labels).inc();
        let labels = Route {
            route: labels.route,
            method: *verb,
        };
        metrics.durations.get_or_create(&labels).observe(seconds);
        if let Some(fastapi) = &metrics.fastapi {
            fastapi.answered(route, *verb, status, seconds);
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        if let Some(fastapi) = &self.metrics.fastapi {
            fastapi
                .in_progress
                .get_or_create(&endpoint(&self.route, self.verb))
                .dec();
        }
    }
}

impl FastApi {
    fn register(registry: &mut Registry) -> Self {
        let new: fn() -> Histogram = || Histogram::new(DURATIONS);
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(new),
            in_progress: Family::default(),
            exceptions: Family::default(),
        };
        registry.register(
            "fastapi_requests",
            "Total number of requests (the second service's name)",
            metrics.requests.clone(),
        );
        registry.register(
            "fastapi_requests_duration_seconds",
            "Request duration (the second service's name)",
            metrics.durations.clone(),
        );
        registry.register(
            "fastapi_requests_in_progress",
            "Requests being answered now (the second service's name)",
            metrics.in_progress.clone(),
        );
        registry.register(
            "fastapi_requests_exceptions",
            "Requests that a fault of the server ended (the second service's name)",
            metrics.exceptions.clone(),
        );
        // A rate over a series that begins with its first fault would miss that fault.
        let predict = endpoint(&"/predict".into(), Verb("POST"));
        drop(metrics.exceptions.get_or_create(&predict));
        metrics
    }

    fn answered(&self, route: &Arc<str>, verb: Verb, status: StatusCode, seconds: f64) {
        let labels = EndpointStatus {
            endpoint: Arc::clone(route),
            method: verb,
            status_code: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
        let labels = endpoint(route, verb);
        self.durations.get_or_create(&labels).observe(seconds);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            self.exceptions.get_or_create(&labels).inc();
        }
    }
}

fn endpoint(route: &Arc<str>, method: Verb) -> Endpoint {
    Endpoint {
        endpoint: Arc::clone(route),
        method,
    }
}

/// Counts one more while it lives.
pub(crate) struct Counted(Arc<super::Metrics>);

impl Counted {
    pub(crate) fn connection(metrics: &Arc<super::Metrics>) -> Self {
        metrics.http.connections().fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(metrics))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.http.connections().fetch_sub(1, Ordering::Relaxed);
    }
}
