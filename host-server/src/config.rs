//! What can be set: where to listen, who may ask, and what a model may use.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::drift::DriftOptions;
use crate::keys::Key;
use crate::metrics::push::PushOptions;
use crate::registry::ModelSource;
use crate::spans::TraceOptions;

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
    /// What is added to `load` for each KiB of the file. Default: nothing.
    pub load_per_kib: Duration,
    /// Instances that exist at once, each with its own memory. Default: two for each
    /// processor. A call beyond that waits for one to come back.
    pub instances: NonZeroUsize,
    /// The folder that keeps compiled modules from one start to the next; only this user may
    /// be able to write to it. Default: none, each start compiles.
    pub cache: Option<PathBuf>,
    /// A program that puts a compiled module there, so that this process does not grow by what
    /// a compiler needs: it is called with `compile-module --cache-dir FOLDER`, and the module
    /// on its standard input. Default: none.
    pub compiler: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            decide: Duration::from_secs(1),
            load: Duration::from_secs(10),
            load_per_kib: Duration::ZERO,
            instances: processors().saturating_mul(TWO),
            cache: None,
            compiler: None,
        }
    }
}

impl Limits {
    /// For a server that takes files while it answers: a module that hangs is stopped
    /// within 50 ms (the limit, and one tick of the clock), and a file that is not what it
    /// says costs no more before it is refused. A decision takes microseconds; loading takes
    /// 12 ms for a file of 530 KiB, so 40 ms and 1 ms a KiB are plenty.
    #[must_use]
    pub fn serving() -> Self {
        Self {
            decide: Duration::from_millis(40),
            load: Duration::from_millis(40),
            load_per_kib: Duration::from_millis(1),
            ..Self::default()
        }
    }

    /// With the time that a file of this length may take to load.
    pub(crate) fn for_file(&self, bytes: usize) -> Self {
        let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        Self {
            load: self
                .load
                .saturating_add(self.load_per_kib.saturating_mul(kib)),
            ..self.clone()
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
