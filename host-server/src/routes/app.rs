//! What the handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::error::ApiError;
use crate::config::{HttpLimits, ServeOptions, processors};
use crate::drift::Drift;
use crate::error::LoadError;
use crate::host::ModelHost;
use crate::keys::Keys;
use crate::metrics::{Format, Metrics, Rejected};
use crate::page;
use crate::registry::{Live, Loading, ModelSource, Registry, Served, Slot};
use crate::static_file::StaticFile;

/// What the handlers share.
pub struct App {
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    keys: Keys,
    options: ServeOptions,
    page: Option<StaticFile>,
    stopping: AtomicBool,
    /// Requests being worked on at the same time.
    places: Arc<Semaphore>,
    /// Long bodies and batches decided at the same time, off the async workers.
    long_bodies: Arc<Semaphore>,
}

/// Who answers a request.
pub(super) struct Target {
    pub(super) served: Arc<Served>,
    /// There, when the model was not asked for by version: who else is to hear of it.
    pub(super) live: Option<Arc<Live>>,
}

impl App {
    /// The state for serving one model with the default options.
    #[must_use]
    pub fn new(host: ModelHost) -> Arc<Self> {
        let options = ServeOptions::new(ModelSource::File("model.wasm".into()));
        let metrics = Arc::new(Metrics::new(options.fastapi_metrics));
        let registry = Registry::single(host, loading(&options, &metrics));
        Self::assemble(registry, metrics, options)
    }

    /// Loads the models that the options name; blocks while they are compiled.
    ///
    /// # Errors
    /// When a file that is named cannot be served.
    pub fn open(options: ServeOptions) -> Result<Arc<Self>, LoadError> {
        let metrics = Arc::new(Metrics::new(options.fastapi_metrics));
        let registry = Registry::open(
            options.models.clone(),
            options.default_model.clone(),
            loading(&options, &metrics),
        )?;
        Ok(Self::assemble(registry, metrics, options))
    }

    fn assemble(registry: Registry, metrics: Arc<Metrics>, options: ServeOptions) -> Arc<Self> {
        Arc::new(Self {
            registry: Arc::new(registry),
            keys: Keys::new(options.keys.clone(), options.http.rate),
            page: options.page.then(page::index).flatten(),
            stopping: AtomicBool::new(false),
            places: Arc::new(Semaphore::new(options.http.requests.get())),
            long_bodies: Arc::new(Semaphore::new(processors().get())),
            metrics,
            options,
        })
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The metrics as text, the gauges brought up to date.
    pub(crate) fn measured(&self, format: Format) -> String {
        self.for_each_served(Served::measure);
        self.metrics.encode(format)
    }

    /// Writes the drift windows to the disk, where that is wanted.
    pub(crate) fn keep_drift(&self) {
        self.for_each_served(|served| {
            if let Ok(watcher) = served.drift() {
                watcher.save();
            }
        });
    }

    /// Whether drift windows are to outlive the server.
    pub(crate) fn keeps_drift(&self) -> bool {
        let drift = self.options.drift.as_ref();
        drift.is_some_and(|drift| drift.state.is_some())
    }

    fn for_each_served(&self, work: impl Fn(&Served)) {
        for slot in self.registry.all() {
            if let Some(live) = slot.live() {
                live.versions().into_iter().for_each(|served| work(served));
            }
        }
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(crate) fn logs_access(&self) -> bool {
        self.options.access_log
    }

    pub(crate) fn is_https(&self) -> bool {
        self.options.tls.is_some()
    }

    /// A place among the requests being worked on; asked for when a request's body has been
    /// read, so that slow clients take none.
    pub(super) fn begin(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            self.metrics.http.reject(Rejected::overload);
            ApiError::Overloaded
        })
    }

    /// From now on each answer is its connection's last.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(super) fn has_metrics_port(&self) -> bool {
        self.options.metrics_port.is_some()
    }

    pub(super) fn needs_key(&self) -> bool {
        self.keys.are_needed()
    }

    /// What the API is called; `None` when neither an option nor a model says it.
    pub(super) fn name(&self) -> Option<String> {
        let given = self.options.name.clone();
        given.or_else(|| Some(self.champion()?.description().model.api_name()))
    }

    pub(super) fn limits(&self) -> &HttpLimits {
        &self.options.http
    }

    pub(super) fn body_time(&self) -> Duration {
        self.limits().body
    }

    pub(super) fn page(&self) -> Option<&StaticFile> {
        self.page.as_ref()
    }

    pub(super) fn long_bodies(&self) -> &Arc<Semaphore> {
        &self.long_bodies
    }

    pub(super) fn page_routes(&self) -> Router<Arc<App>> {
        match self.options.page {
            true => super::files(),
            false => Router::new(),
        }
    }

    /// The default model's champion.
    pub(super) fn champion(&self) -> Option<Arc<Served>> {
        let live = self.registry.default()?.live()?;
        Some(Arc::clone(&live.champion))
    }

    /// Who answers: of the model named, or of the default one; of that version, or as the
    /// deployment says.
    pub(super) fn target(
        &self,
        name: Option<&str>,
        version: Option<&str>,
    ) -> Result<Target, ApiError> {
        let slot = self.slot(name)?;
        let live = slot.live().ok_or(ApiError::NoModel)?;
        match version {
            None => Ok(Target {
                served: Arc::clone(live.pick()),
                live: Some(live),
            }),
            Some(version) => match live.version(version) {
                Some(served) => Ok(Target {
                    served: Arc::clone(served),
                    live: None,
                }),
                None => Err(no_model(&format!("{} {version}", slot.name()))),
            },
        }
    }

    fn slot(&self, name: Option<&str>) -> Result<Arc<Slot>, ApiError> {
        match name {
            None => self.registry.default().ok_or(ApiError::NoModel),
            Some(name) => self.registry.get(name).ok_or_else(|| no_model(name)),
        }
    }

    /// The version that drift is asked of: the one named, or the champion.
    pub(super) fn watched(
        &self,
        name: Option<&str>,
        version: Option<&str>,
    ) -> Result<Arc<Served>, ApiError> {
        let live = self.slot(name)?.live().ok_or(ApiError::NoModel)?;
        match version {
            None => Ok(Arc::clone(&live.champion)),
            Some(version) => live
                .version(version)
                .cloned()
                .ok_or_else(|| no_model(&format!("{} {version}", live.champion.name()))),
        }
    }

    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let origins = &self.options.cors_origins;
        if origins.is_empty() {
            return None;
        }
        let allowed = match origins.iter().any(|origin| origin == "*") {
            true => AllowOrigin::any(),
            false => AllowOrigin::list(
                origins
                    .iter()
                    .filter_map(|origin| HeaderValue::from_str(origin).ok()),
            ),
        };
        let request_id = HeaderName::from_static("x-request-id");
        Some(
            CorsLayer::new()
                .allow_origin(allowed)
                .allow_methods([Method::GET, Method::POST])
                .allow_headers([
                    header::CONTENT_TYPE,
                    header::AUTHORIZATION,
                    HeaderName::from_static("x-api-key"),
                    request_id.clone(),
                ])
                .expose_headers([request_id])
                .max_age(Duration::from_secs(600)),
        )
    }
}

fn loading(options: &ServeOptions, metrics: &Metrics) -> Loading {
    Loading {
        limits: options.limits.clone(),
        metrics: Arc::clone(&metrics.models),
        drift: Drift::new(options.drift.clone(), metrics.drift.clone()),
    }
}

fn no_model(name: &str) -> ApiError {
    ApiError::NoSuchModel {
        name: name.to_owned(),
    }
}
