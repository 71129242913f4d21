//! Metrics of requests, by route, method and status. A route is a pattern (`/models/{name}`),
//! never a path that a client invented.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::histogram::Histogram;

/// Upper bounds in seconds. A decision takes microseconds, a batch seconds.
const DURATIONS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0,
    5.0,
];

/// Why a request was rejected before it reached a model.
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
    expires: Gauge,
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

/// A method; one that a client invented is `other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Verb(&'static str);

impl Verb {
    fn new(method: &Method) -> Self {
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

/// The metrics of one route and method, looked up once for many requests.
pub(crate) struct Series {
    route: Arc<str>,
    verb: Verb,
    /// Counts answers with 200; created with the first of them.
    good: OnceLock<Counter>,
    durations: Histogram,
    fastapi: Option<FastApiSeries>,
}

struct FastApiSeries {
    good: OnceLock<Counter>,
    durations: Histogram,
    in_progress: Gauge,
}

/// One request in flight, until this is dropped.
pub(crate) struct InFlight<'a> {
    metrics: &'a HttpMetrics,
    series: &'a Series,
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
            expires: Gauge::default(),
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
            "Requests rejected before they reached a model, by cause",
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
        registry.register(
            "underwrite_tls_certificate_not_after_seconds",
            "When the certificate of https expires, in seconds since 1970; 0 without https",
            metrics.expires.clone(),
        );
        metrics
    }

    /// The series of a route and method.
    pub(crate) fn series(&self, route: &str, method: &Method) -> Series {
        let (route, verb) = (Arc::<str>::from(route), Verb::new(method));
        let labels = Route {
            route: Arc::clone(&route),
            method: verb,
        };
        Series {
            durations: self.durations.get_or_create_owned(&labels),
            fastapi: self.fastapi.as_ref().map(|all| all.series(&route, verb)),
            good: OnceLock::new(),
            route,
            verb,
        }
    }

    /// Counts a request as in flight; `InFlight::answered` records its answer.
    pub(crate) fn enter<'a>(&'a self, series: &'a Series) -> InFlight<'a> {
        self.in_flight.inc();
        if let Some(fastapi) = &series.fastapi {
            fastapi.in_progress.inc();
        }
        InFlight {
            metrics: self,
            series,
        }
    }

    fn counter(&self, series: &Series, status: StatusCode) -> Counter {
        self.requests.get_or_create_owned(&RouteStatus {
            route: Arc::clone(&series.route),
            method: series.verb,
            status: status.as_u16(),
        })
    }

    pub(crate) fn reject(&self, cause: Rejected) {
        self.rejected.get_or_create(&Cause { cause }).inc();
    }

    /// When the certificate expires.
    pub(crate) fn expires(&self) -> Gauge {
        self.expires.clone()
    }

    /// One more open connection, for as long as what is given back lives.
    pub(crate) fn connection(&self) -> Counted {
        Counted::new(&self.connections)
    }

    /// Counts a decision over `POST /predict`.
    pub(crate) fn predicted(&self, took: Duration) {
        self.predictions.inc();
        self.prediction_latency.observe(took.as_secs_f64());
    }
}

impl Series {
    pub(crate) fn route(&self) -> &str {
        &self.route
    }
}

impl InFlight<'_> {
    pub(crate) fn answered(&self, status: StatusCode, took: Duration) {
        let Self { metrics, series } = self;
        count(&series.good, status, || metrics.counter(series, status));
        let seconds = took.as_secs_f64();
        series.durations.observe(seconds);
        if let (Some(all), Some(mine)) = (&metrics.fastapi, &series.fastapi) {
            count(&mine.good, status, || all.counter(series, status));
            mine.durations.observe(seconds);
            if status == StatusCode::INTERNAL_SERVER_ERROR {
                let endpoint = endpoint(&series.route, series.verb);
                all.exceptions.get_or_create(&endpoint).inc();
            }
        }
    }
}

/// Counts an answer; only the counter of 200 is kept, others are looked up.
fn count(good: &OnceLock<Counter>, status: StatusCode, counter: impl FnOnce() -> Counter) {
    match status {
        StatusCode::OK => good.get_or_init(counter).inc(),
        _ => counter().inc(),
    };
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        if let Some(fastapi) = &self.series.fastapi {
            fastapi.in_progress.dec();
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
            "Requests that ended with a server error (the second service's name)",
            metrics.exceptions.clone(),
        );
        // A rate over a series that starts with its first fault would miss that fault: start
        // it at 0.
        let predict = endpoint(&"/predict".into(), Verb("POST"));
        drop(metrics.exceptions.get_or_create(&predict));
        metrics
    }

    fn series(&self, route: &Arc<str>, verb: Verb) -> FastApiSeries {
        let labels = endpoint(route, verb);
        FastApiSeries {
            good: OnceLock::new(),
            durations: self.durations.get_or_create_owned(&labels),
            in_progress: self.in_progress.get_or_create_owned(&labels),
        }
    }

    fn counter(&self, series: &Series, status: StatusCode) -> Counter {
        self.requests.get_or_create_owned(&EndpointStatus {
            endpoint: Arc::clone(&series.route),
            method: series.verb,
            status_code: status.as_u16(),
        })
    }
}

fn endpoint(route: &Arc<str>, method: Verb) -> Endpoint {
    Endpoint {
        endpoint: Arc::clone(route),
        method,
    }
}

/// Counts one more while it lives.
pub(crate) struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
