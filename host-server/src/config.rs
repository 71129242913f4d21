//! What can be set: where to listen, who may ask, and what a model may use.

use crate::host::Limits;
use crate::http::authentication::Key;
use crate::http::limits::HttpLimits;
use crate::http::metrics::push::PushOptions;
use crate::http::spans::TraceOptions;
use crate::http::tls::TlsFiles;
use crate::models::drift::DriftOptions;
use crate::models::registry::ModelSource;

/// What `underwrite serve` takes.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// What to serve.
    pub models: ModelSource,
    /// The model that answers where none is named. Default: the first by name.
    pub default_model: Option<String>,
    /// The name that `GET /` gives. Default: the title of the model, and ` API`.
    pub name: Option<String>,
    /// Host name or address to listen on.
    pub host: String,
    /// TCP port to listen on; 0 lets the system choose one.
    pub port: u16,
    /// A port of their own for `/metrics`, on the same host; else they are on `port`.
    pub metrics_port: Option<u16>,
    /// Whether the second service's metrics (`fastapi_…`) are there, too.
    pub fastapi_metrics: bool,
    /// Who may do what. Without a key for decisions anybody may ask for them; without one
    /// for administration nobody may reload.
    pub keys: Vec<Key>,
    /// Certificate and key.
    pub tls: Option<TlsFiles>,
    /// Origins whose pages may call the API; `*` is any. Default: none.
    pub cors_origins: Vec<String>,
    /// Whether browsers get the page, and anybody the model's file.
    pub page: bool,
    /// How drift is watched; `None` switches it off.
    pub drift: Option<DriftOptions>,
    /// A Pushgateway that metrics are pushed to.
    pub push: Option<PushOptions>,
    /// A collector that each request's span is exported to.
    pub traces: Option<TraceOptions>,
    /// Whether each request is logged: its route, status and time, not its content.
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
