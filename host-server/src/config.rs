//! The server's settings: models, addresses, keys, limits.

use crate::host::Limits;
use crate::http::authentication::Key;
use crate::http::limits::HttpLimits;
use crate::http::metrics::push::PushOptions;
use crate::http::spans::TraceOptions;
use crate::http::tls::TlsFiles;
use crate::models::drift::DriftOptions;
use crate::models::registry::ModelSource;

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
    /// The API keys. Without a key for decisions, they need none; without an admin key, nobody
    /// can reload models.
    pub keys: Vec<Key>,
    /// Certificate and key. Default: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Origins whose pages may call the API; `*` is any. Default: none.
    pub cors_origins: Vec<String>,
    /// Whether to serve the page and the model's file.
    pub page: bool,
    /// How drift is monitored; `None` disables it.
    pub drift: Option<DriftOptions>,
    /// A Pushgateway to push metrics to. Default: none.
    pub push: Option<PushOptions>,
    /// A collector to export spans to. Default: none.
    pub traces: Option<TraceOptions>,
    /// Whether to log each request: its route, status and time, not its content.
    pub access_log: bool,
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
            tls: None,
            cors_origins: Vec::new(),
            page: true,
            drift: Some(DriftOptions::default()),
            push: None,
            traces: None,
            access_log: false,
            limits: Limits::serving(),
            http: HttpLimits::default(),
        }
    }
}
