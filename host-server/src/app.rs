//! The state that the handlers share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::asset::Asset;
use crate::config::ServeOptions;
use crate::host::{LoadError, ModelHost, processors};
use crate::http::authentication::Keys;
use crate::http::error::ApiError;
use crate::http::limits::HttpLimits;
use crate::http::metrics::{Format, Metrics, Rejected};
use crate::http::middleware::Middleware;
use crate::http::page;
use crate::models::drift::Drift;
use crate::models::registry::{Live, Loading, ModelSource, Registry, Served, Slot};

/// The state that the handlers share.
pub struct App {
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    middleware: Arc<Middleware>,
    options: ServeOptions,
    page: Option<Asset>,
    /// Limits the requests that are worked on at the same time.
    permits: Arc<Semaphore>,
    /// Limits the long bodies and batches that are decided at the same time, off the async
    /// workers.
    long_bodies: Arc<Semaphore>,
}

/// The version of a model that answers a request.
pub(crate) struct Target {
    pub(crate) served: Arc<Served>,
    /// What is live, unless the request named a version: its shadow gets a copy.
    pub(crate) live: Option<Arc<Live>>,
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
    /// When the model file cannot be served.
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
            middleware: Arc::new(Middleware {
                metrics: Arc::clone(&metrics.http),
                keys: Keys::new(options.keys.clone(), options.http.rate),
                access_log: options.access_log,
                https: options.tls.is_some(),
                stopping: AtomicBool::new(false),
            }),
            page: options.page.then(page::index).flatten(),
            permits: Arc::new(Semaphore::new(options.http.requests.get())),
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

    /// The metrics as text, with up-to-date gauges.
    pub(crate) fn measured(&self, format: Format) -> String {
        self.for_each_served(Served::measure);
        self.metrics.encode(format)
    }

    /// Writes the drift windows to the disk, where there is a folder for them.
    pub(crate) fn keep_drift(&self) {
        self.for_each_served(|served| {
            if let Ok(monitor) = served.drift() {
                monitor.save();
            }
        });
    }

    /// Whether drift windows are kept between starts.
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

    pub(crate) fn middleware(&self) -> &Arc<Middleware> {
        &self.middleware
    }

    /// A permit to work on a request. It is taken after the request's body has been read, so
    /// that slow clients hold none.
    pub(crate) fn begin(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            self.metrics.http.reject(Rejected::overload);
            ApiError::Overloaded
        })
    }

    pub(crate) fn has_metrics_port(&self) -> bool {
        self.options.metrics_port.is_some()
    }

    pub(crate) fn needs_key(&self) -> bool {
        self.middleware.keys.are_needed()
    }

    /// The API's name; `None` when neither the options nor a model give one.
    pub(crate) fn name(&self) -> Option<String> {
        let given = self.options.name.clone();
        given.or_else(|| Some(self.champion()?.description().model.api_name()))
    }

    /// Origins whose pages may call the API.
    pub(crate) fn cors_origins(&self) -> &[String] {
        &self.options.cors_origins
    }

    /// Whether browsers get the page, and anybody the model's file.
    pub(crate) fn has_page(&self) -> bool {
        self.options.page
    }

    pub(crate) fn limits(&self) -> &HttpLimits {
        &self.options.http
    }

    pub(crate) fn body_time(&self) -> Duration {
        self.limits().body
    }

    pub(crate) fn page(&self) -> Option<&Asset> {
        self.page.as_ref()
    }

    pub(crate) fn long_bodies(&self) -> &Arc<Semaphore> {
        &self.long_bodies
    }

    /// The default model's champion.
    pub(crate) fn champion(&self) -> Option<Arc<Served>> {
        let live = self.registry.default()?.live()?;
        Some(Arc::clone(&live.champion))
    }

    /// The version that answers: of the named model or of the default one; the named version, or
    /// what the deployment says.
    pub(crate) fn target(
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

    /// The version whose drift is requested: the named one, or the champion.
    pub(crate) fn monitored(
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
