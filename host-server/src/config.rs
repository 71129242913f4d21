//! The server's settings: models, addresses, keys, limits.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::error::ServeError;
use crate::host::Limits;
use crate::http::authentication::{Credentials, Key, KeySource, Public};
use crate::http::cors;
use crate::http::limits::HttpLimits;
use crate::http::metrics::push::PushOptions;
use crate::http::spans::TraceOptions;
use crate::http::tls::TlsFiles;
use crate::http::url::check_url;
use crate::models::drift::{DriftOptions, check_state_folder};
use crate::models::registry::{FileCheck, ModelSource, SignatureCheck};
use crate::record::DecisionLogOptions;

/// The settings of `underwrite serve`.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// What to serve.
    pub models: ModelSource,
    /// The model that answers requests that name none. Default: the first by name.
    pub default_model: Option<String>,
    /// The name in `GET /`. Default: the model's title and ` API`.
    pub name: Option<String>,
    /// Host name or address to listen on.
    pub host: String,
    /// TCP port to listen on; 0 lets the system choose one.
    pub port: u16,
    /// A separate port for `/metrics` and `/drift`, on the same host. Default: `port`.
    pub metrics_port: Option<u16>,
    /// Whether to expose the second service's metrics (`fastapi_…`) as well.
    pub fastapi_metrics: bool,
    /// Who may do what. Without any key anybody may ask for everything but reloads, which
    /// need an admin key.
    pub keys: Vec<Key>,
    /// Reads the keys again on SIGHUP and every [`watch_interval`](Self::watch_interval). Default:
    /// the keys stay as they are.
    pub key_source: Option<KeySource>,
    /// Certificate and key. Default: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Origins whose pages may call the API; `*` is any. Default: none.
    pub cors_origins: Vec<String>,
    /// Whether there are the page and the model's file.
    pub page: bool,
    /// What nobody needs a key for, although there are keys.
    pub public: Vec<Public>,
    /// Whether a model may have another name or version than its folder, or other inputs than
    /// the one that it replaces. Default: no.
    pub allow_mismatch: bool,
    /// How many of a model's versions are loaded at once. Those that answer, challenge or answered
    /// before stay loaded; another one is loaded when it is used. Default: 16.
    pub loaded_versions: NonZeroUsize,
    /// What else a file must pass before it is loaded. Default: nothing.
    pub check: Option<FileCheck>,
    /// Who must have signed a file. Default: nobody.
    pub signatures: Option<SignatureCheck>,
    /// How drift is watched; `None` switches it off.
    pub drift: Option<DriftOptions>,
    /// How decisions are recorded. Default: they are not.
    pub decision_log: Option<DecisionLogOptions>,
    /// A Pushgateway to push metrics to. Default: none.
    pub push: Option<PushOptions>,
    /// A collector to export spans to. Default: none.
    pub traces: Option<TraceOptions>,
    /// Whether to log each request: its route, status, time and the name of its key, not its
    /// content.
    pub access_log: bool,
    /// Whether that log has the address that the request came from.
    pub log_client_address: bool,
    /// How often models, keys and certificates are looked at, beside the system's own reports of
    /// changed files, which network file systems do not make. Default: 10 s.
    pub watch_interval: Duration,
    /// What the model may use.
    pub limits: Limits,
    /// What clients may use.
    pub http: HttpLimits,
}

impl ServeOptions {
    /// The defaults, on 127.0.0.1:8080.
    #[must_use]
    pub fn new(models: ModelSource) -> Self {
        Self {
            models,
            default_model: None,
            name: None,
            host: "127.0.0.1".to_owned(),
            port: 8080,
            metrics_port: None,
            fastapi_metrics: false,
            keys: Vec::new(),
            key_source: None,
            tls: None,
            cors_origins: Vec::new(),
            page: true,
            public: Vec::new(),
            allow_mismatch: false,
            loaded_versions: NonZeroUsize::MIN.saturating_add(15),
            check: None,
            signatures: None,
            drift: Some(DriftOptions::default()),
            decision_log: None,
            push: None,
            traces: None,
            access_log: false,
            log_client_address: false,
            watch_interval: Duration::from_secs(10),
            limits: Limits::serving(),
            http: HttpLimits::default(),
        }
    }

    /// Checks what would otherwise be found out long after the start, or never.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub(crate) fn check(&self) -> Result<(), ServeError> {
        for origin in &self.cors_origins {
            cors::check(origin).map_err(ServeError::Setting)?;
        }
        if let Some(push) = &self.push {
            check_url("pushgateway", &push.gateway).map_err(ServeError::Setting)?;
        }
        if let Some(traces) = &self.traces {
            check_url("otlp-endpoint", &traces.endpoint).map_err(ServeError::Setting)?;
        }
        if let Some(log) = &self.decision_log {
            log.check().map_err(ServeError::Setting)?;
            let all = Credentials {
                keys: self.keys.clone(),
                people: log.people.clone(),
            };
            all.check().map_err(ServeError::Setting)?;
        }
        match self.drift.as_ref().and_then(|drift| drift.state.as_ref()) {
            Some(folder) => check_state_folder(folder).map_err(|error| {
                let folder = folder.display();
                ServeError::Setting(format!(
                    "drift-state {folder}: cannot write to this folder: {error}; name one that the server's user may write to"
                ))
            }),
            None => Ok(()),
        }
    }
}
