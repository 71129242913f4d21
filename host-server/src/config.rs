//! What can be set: where to listen, who may ask, and what a model may use.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::keys::Key;
use crate::metrics::push::PushOptions;
use crate::registry::ModelSource;

/// What `underwrite serve` takes.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// What to serve.
    pub models: ModelSource,
    /// The model that answers where none is named. Default: the first by name.
    pub default_model: Option<String>,
    /// The name that `GET /` gives. Default: `Loan Approval API`, as the second service.
    pub name: String,
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
    /// A Pushgateway that metrics are pushed to.
    pub push: Option<PushOptions>,
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
            name: "Loan Approval API".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 8080,
            metrics_port: None,
            fastapi_metrics: false,
            keys: Vec::new(),
            tls: None,
            cors_origins: Vec::new(),
            page: true,
            push: None,
            access_log: false,
            limits: Limits::default(),
            http: HttpLimits::default(),
        }
    }
}

/// Files in PEM form.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, and those that it is signed with.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What clients may use before they are turned away.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Connections at once; one more is answered 503 and closed. Default: 10,000.
    pub connections: NonZeroUsize,
    /// Requests at once; one more is answered 503. Default: 1,024.
    pub requests: NonZeroUsize,
    /// Requests a second for each key. Default: any number.
    pub rate: Option<NonZeroU32>,
    /// Time for a request's head, and for the next one on an open connection.
    /// Default: 10 s.
    pub head: Duration,
    /// Time for a request's body; of a streamed one, for its next piece. Default: 30 s.
    pub body: Duration,
    /// Bytes of a batch that is not streamed. Default: 64 MiB.
    pub batch_bytes: usize,
    /// Rows of a batch. Default: 100,000.
    pub batch_rows: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: non_zero(10_000),
            requests: non_zero(1_024),
            rate: None,
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            batch_bytes: 64 << 20,
            batch_rows: 100_000,
        }
    }
}

/// What a model may use before it is stopped.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Linear memory of one instance, in bytes. Default: 256 MiB.
    pub memory_bytes: usize,
    /// Wall time of one decision. Default: 1 s; a real one takes microseconds, so
    /// this only stops a module that hangs.
    pub decide: Duration,
    /// Wall time of loading a model into a new instance, and of one batch. Default: 10 s.
    pub load: Duration,
    /// Instances that exist at once, each with its own memory. Default: two for each
    /// processor. A call beyond that waits for one to come back.
    pub instances: NonZeroUsize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            decide: Duration::from_secs(1),
            load: Duration::from_secs(10),
            instances: processors().saturating_mul(TWO),
        }
    }
}

const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

const fn non_zero(n: usize) -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(n - 1)
}

/// Processors this process may use, at least one.
pub(crate) fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
