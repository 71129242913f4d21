//! What connections ask: the router, and a short way for what almost everybody asks.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use axum::response::Response;
use futures_util::FutureExt;
use hyper::body::Incoming;
use tower::Service as _;

use super::{App, app, panicked, predict};
use crate::gate;
use crate::metrics::Series;
use crate::spans::Spans;

const PREDICT: &str = "/predict";

/// Answers requests of one listener.
#[derive(Clone)]
pub(crate) struct Service {
    router: Router,
    predict: Option<Arc<Predict>>,
}

/// `POST /predict` without the router: through the same gate to the same handler, but
/// without the boxes, clones and look-ups that cost as much as the decision.
struct Predict {
    app: Arc<App>,
    series: Series,
}

impl Service {
    /// The whole service.
    pub(crate) fn public(state: Arc<App>, spans: Option<&Arc<Spans>>) -> Self {
        // The headers that pages of other origins need, and spans, are layers around the router.
        let has_layers = state.cors().is_some() || spans.is_some();
        let short = (!has_layers).then(|| Predict {
            series: state.metrics().http.series(PREDICT, &Method::POST),
            app: Arc::clone(&state),
        });
        Self {
            predict: short.map(Arc::new),
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

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Result<Response, Infallible> {
        match &self.predict {
            Some(predict) if predict.is_asked(&request) => Ok(predict.answer(request).await),
            _ => self.router.clone().call(request.map(Body::new)).await,
        }
    }
}

impl Predict {
    fn is_asked(&self, request: &Request<Incoming>) -> bool {
        request.uri().path() == PREDICT && request.method() == Method::POST
    }

    async fn answer(&self, request: Request<Incoming>) -> Response {
        let Self { app, series } = self;
        gate::pass(app, series, request, async |request, id| {
            let answer = AssertUnwindSafe(predict::plain(app, id, request));
            answer.catch_unwind().await.unwrap_or_else(panicked)
        })
        .await
    }
}
