//! The state that the handlers share.

mod target;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use tokio::sync::OwnedSemaphorePermit;

use crate::asset::Asset;
use crate::config::ServeOptions;
use crate::error::ServeError;
use crate::host::ModelHost;
use crate::http::Share;
use crate::http::admission::{Admission, Work};
use crate::http::authentication::{Credentials, Keys, Public};
use crate::http::body::{self, Encoding};
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::gzip::unpack;
use crate::http::limits::HttpLimits;
use crate::http::metrics::{Format, Metrics, Rejected};
use crate::http::middleware::Middleware;
use crate::http::page;
use crate::http::request_id::RequestId;
use crate::models::drift::{Drift, End};
use crate::models::registry::{Live, Loading, ModelSource, OnLoad, OnRefuse, Registry};
use crate::record::{Call, DecisionLog, Kind, LogMetrics, Recorder, ShadowRecord, people};
use crate::seldom::Denials;

pub(crate) use self::target::Target;

/// The state that the handlers share.
pub struct App {
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    middleware: Arc<Middleware>,
    options: ServeOptions,
    page: Option<Asset>,
    admission: Arc<Admission>,
    measuring: Mutex<()>,
    log: Option<Arc<DecisionLog>>,
}

/// A body as it came.
pub(crate) struct Packed {
    bytes: Bytes,
    encoding: Encoding,
    limit: usize,
}

impl App {
    /// The state for serving one model with the default options.
    #[must_use]
    pub fn new(host: ModelHost) -> Arc<Self> {
        let options = ServeOptions::new(ModelSource::File("model.wasm".into()));
        let metrics = Arc::new(Metrics::new(options.fastapi_metrics, |_| {}));
        let registry = Registry::single(host, loading(&options, &metrics, None));
        Self::assemble(registry, metrics, options, None)
    }

    /// Loads the models that the options name; blocks while they are compiled.
    ///
    /// # Errors
    /// When the model file cannot be served, or the decision log cannot be used.
    pub fn open(options: ServeOptions) -> Result<Arc<Self>, ServeError> {
        let mut log = None;
        let metrics = Metrics::new(options.fastapi_metrics, |registry| {
            let settings = options.decision_log.clone();
            log = settings.map(|settings| (settings, LogMetrics::register(registry)));
        });
        let metrics = Arc::new(metrics);
        // Before the models: each is recorded before it answers.
        let log = log.map(|(settings, metrics)| DecisionLog::open(settings, Arc::new(metrics)));
        let log = log.transpose();
        let log = log.map_err(|error| ServeError::DecisionLog(error.to_string()))?;
        if let Some(log) = &log {
            // What cannot be read is logged, and said to whoever looks at it.
            let _ = people::open_changes(log);
        }
        let registry = Registry::open(
            options.models.clone(),
            options.default_model.clone(),
            loading(&options, &metrics, log.as_ref()),
        )?;
        Ok(Self::assemble(registry, metrics, options, log))
    }

    fn assemble(
        registry: Registry,
        metrics: Arc<Metrics>,
        options: ServeOptions,
        log: Option<Arc<DecisionLog>>,
    ) -> Arc<Self> {
        let people = log.iter().flat_map(|log| &log.options().people);
        let keys = Keys::new(
            Credentials {
                keys: options.keys.clone(),
                people: people.cloned().collect(),
            },
            options.http.rate,
            options.public.clone(),
            options.metrics_port.is_some(),
        );
        let page = options.page && keys.is_open(Public::Page);
        let admission = Arc::new(Admission::new(&options.http));
        Arc::new(Self {
            registry: Arc::new(registry),
            middleware: Arc::new(Middleware {
                metrics: Arc::clone(&metrics.http),
                keys: Arc::new(keys),
                admission: Arc::clone(&admission),
                access_log: options.access_log,
                log_client_address: options.log_client_address,
                https: options.tls.is_some(),
                stopping: AtomicBool::new(false),
                denied: Denials::default(),
                people_denied: Denials::default(),
            }),
            page: page.then(page::index).flatten(),
            admission,
            measuring: Mutex::default(),
            metrics,
            options,
            log,
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
        // Gauges are set and read by one at a time.
        let _one = self
            .measuring
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.for_each_live(Live::measure);
        if let Some(log) = &self.log {
            log.measure();
        }
        self.metrics.encode(format)
    }

    /// Writes the drift windows to the disk, where there is a folder for them.
    pub(crate) fn keep_drift(&self, end: End) {
        self.for_each_live(|live| live.keep_drift(end));
    }

    /// Whether drift windows are kept between starts.
    pub(crate) fn keeps_drift(&self) -> bool {
        let drift = self.options.drift.as_ref();
        drift.is_some_and(|drift| drift.state.is_some())
    }

    fn for_each_live(&self, work: impl Fn(&Live)) {
        let slots = self.registry.all();
        let live = slots.iter().filter_map(|slot| slot.live());
        live.for_each(|live| work(&live));
    }

    /// The decision log.
    pub(crate) fn log(&self) -> Option<&Arc<DecisionLog>> {
        self.log.as_ref()
    }

    /// What records the answers to a request; `None` without a log.
    pub(crate) fn recorder(
        &self,
        call: &Call<'_>,
        target: &Target,
        kind: Kind,
    ) -> Result<Option<Recorder>, ApiError> {
        let Some(log) = &self.log else {
            return Ok(None);
        };
        let caller = self.middleware.keys.caller(call.headers);
        let caller = caller.name().map(str::to_owned);
        let asked = (&*target.served, target.role);
        log.recorder(call, caller, kind, asked).map(Some)
    }

    /// What records a challenger's answer to a request; `None` without a log.
    pub(crate) fn shadow_record(&self, call: &Call<'_>) -> Option<ShadowRecord> {
        Some(self.log.as_ref()?.shadow(call))
    }

    /// Room for the record of a single answer in the log's queue; `None` without a log.
    pub(crate) fn begin_record(&self, caller: &Caller) -> Result<Option<Share>, ApiError> {
        let room = self
            .log
            .as_ref()
            .map(|_| self.admission.enter_record(caller));
        room.transpose().map_err(|full| self.reject(full))
    }

    pub(crate) fn middleware(&self) -> &Arc<Middleware> {
        &self.middleware
    }

    /// A permit to answer a request at once. It is taken after the request's body has been read,
    /// so that slow clients hold none.
    pub(crate) fn begin(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        self.admission.enter().map_err(|full| self.reject(full))
    }

    /// The same for a request with long work, whose caller may wait for its turns.
    pub(crate) fn begin_long(&self, caller: &Caller) -> Result<Share, ApiError> {
        let permit = self.admission.enter_long(caller);
        permit.map_err(|full| self.reject(full))
    }

    /// Permission to be a stream; it is held while the stream is open.
    pub(crate) fn begin_stream(&self, caller: &Caller) -> Result<Share, ApiError> {
        let permit = self.admission.enter_stream(caller);
        permit.map_err(|full| self.reject(full))
    }

    /// Turns a request away since there is too much to do.
    pub(crate) fn reject(&self, cause: impl Into<ApiError>) -> ApiError {
        self.metrics.http.reject(Rejected::overload);
        cause.into()
    }

    /// Turns and memory for long work.
    pub(crate) fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    /// Reads at most `keep` bytes of a body.
    pub(crate) async fn read_up_to<B>(
        &self,
        caller: &Caller,
        body: B,
        keep: usize,
    ) -> Result<Bytes, ApiError>
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
    {
        let memory = || self.admission.memory(caller);
        let read = body::read_up_to(body, keep, self.limits().body, memory);
        read.await.inspect_err(|error| self.count(error))
    }

    /// Reads the body of a batch that is not streamed, as it came.
    pub(crate) async fn read_batch(&self, call: &Call<'_>, body: Body) -> Result<Packed, ApiError> {
        let encoding = body::encoding(call.headers)?;
        let limit = self.limits().batch();
        let memory = || self.admission.memory(call.caller);
        let bytes = body::read_whole(body, limit, self.limits().body, memory).await;
        Ok(Packed {
            bytes: bytes.inspect_err(|error| self.count(error))?,
            encoding,
            limit,
        })
    }

    /// What is in a body. A packed one may hold a lot: to unpack it is long work.
    pub(crate) async fn unpack(&self, call: &Call<'_>, packed: Packed) -> Result<Bytes, ApiError> {
        if packed.encoding == Encoding::Plain {
            return Ok(packed.bytes);
        }
        let memory = self.admission.memory(call.caller);
        let kind = Work::unpacking(packed.bytes.len());
        let work = move || unpack(&packed.bytes, packed.limit, &memory);
        let unpacked = self.admission.work(kind, call.caller, work).await;
        unpacked.unwrap_or_else(|error| {
            tracing::error!(request_id = call.id.as_uuid(), %error, "body not unpacked");
            Err(ApiError::fault(call.id))
        })
    }

    /// Packs a file for clients when it is its turn, with a permit for long work.
    pub(crate) async fn pack<T: Send + 'static>(
        &self,
        id: &RequestId,
        caller: &Caller,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = self.begin_long(caller)?;
        let work = move || {
            let _permit = permit;
            work()
        };
        let packed = self.admission.work(Work::Pack, caller, work).await;
        packed.map_err(|error| {
            tracing::error!(request_id = id.as_uuid(), %error, "file not packed");
            ApiError::fault(id)
        })
    }

    /// Counts an error that is a lack of memory.
    pub(crate) fn count(&self, error: &ApiError) {
        if matches!(error, ApiError::NoMemory) {
            self.metrics.http.reject(Rejected::overload);
        }
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

    pub(crate) fn page(&self) -> Option<&Asset> {
        self.page.as_ref()
    }
}

fn loading(options: &ServeOptions, metrics: &Metrics, log: Option<&Arc<DecisionLog>>) -> Loading {
    Loading {
        limits: options.limits.clone(),
        metrics: Arc::clone(&metrics.models),
        drift: Drift::new(options.drift.clone(), metrics.drift.clone()),
        allow_mismatch: options.allow_mismatch,
        loaded_versions: options.loaded_versions,
        check: options.check.clone(),
        on_load: log.map(|log| {
            let log = Arc::clone(log);
            OnLoad(Box::new(move |loaded| log.loaded(loaded)))
        }),
        on_refuse: log.map(|log| {
            let log = Arc::clone(log);
            OnRefuse(Box::new(move |refused| log.refused(refused)))
        }),
        signatures: options.signatures.clone(),
    }
}
