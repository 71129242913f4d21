//! Answers the requests of a listener: by the router, or on a fast path for the request that
//! almost all clients send.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use axum::response::Response;
use futures_util::FutureExt;
use hyper::body::Incoming;
use tower::ServiceExt;

use crate::app::App;
use crate::http::metrics::Series;
use crate::http::refusal::panicked;
use crate::http::spans::Spans;
use crate::http::{Peer, Service};
use crate::routes::{app, predict};

const PREDICT: &str = "/predict";

/// Answers requests of one listener.
#[derive(Clone)]
pub(crate) struct AppService {
    router: Router,
    predict: Option<Arc<Predict>>,
}

/// The fast path: `POST /predict` through the same middleware to the same handler, without the
/// router's boxes, clones and look-ups, which cost as much as the decision.
struct Predict {
    app: Arc<App>,
    series: Series,
}

impl AppService {
    /// The whole service.
    pub(crate) fn public(state: Arc<App>, spans: Option<&Arc<Spans>>) -> Self {
        // CORS and spans are layers around the router, so they exclude the fast path.
        let has_layers = !state.cors_origins().is_empty() || spans.is_some();
        let fast = (!has_layers).then(|| Predict {
            series: state.metrics().http.series(PREDICT, &Method::POST),
            app: Arc::clone(&state),
        });
        Self {
            predict: fast.map(Arc::new),
            router: match spans {
                Some(spans) => spans.around(app(state)),
                None => app(state),
            },
        }
    }

    /// A router alone.
    pub(crate) fn routed(router: Router) -> Self {
        Self {
            predict: None,
            router,
        }
    }
}

impl Service for AppService {
    async fn answer(&self, peer: Peer, request: Request<Incoming>) -> Response {
        match &self.predict {
            Some(predict) if predict.is_asked(&request) => predict.answer(peer, request).await,
            _ => {
                let mut request = request;
                request.extensions_mut().insert(peer);
                // Each connection has the memory of the larger way: this one has a place of its own.
                Box::pin(self.router.clone().oneshot(request.map(Body::new)))
                    .await
                    .unwrap_or_else(|never| match never {})
            }
        }
    }
}

impl Predict {
    fn is_asked(&self, request: &Request<Incoming>) -> bool {
        request.uri().path() == PREDICT && request.method() == Method::POST
    }

    async fn answer(&self, peer: Peer, request: Request<Incoming>) -> Response {
        let Self { app, series } = self;
        let middleware = app.middleware();
        middleware
            .pass(series, Some(peer), request, async |request, id, caller| {
                AssertUnwindSafe(predict::plain(app, id, caller, request))
                    .catch_unwind()
                    .await
                    .unwrap_or_else(panicked)
            })
            .await
    }
}
