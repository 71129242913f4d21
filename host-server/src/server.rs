//! The running server: models, ports, background tasks, and a graceful shutdown.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::app::App;
use crate::config::ServeOptions;
use crate::error::ServeError;
use crate::http::authentication::{Credentials, KeySource};
use crate::http::connections::Connections;
use crate::http::metrics::{Format, push};
use crate::http::records::Sessions;
use crate::http::renewal::Renewal;
use crate::http::spans::Spans;
use crate::http::tls::Tls;
use crate::http::workers::Workers;
use crate::models::drift::{End, StateLock};
use crate::models::registry::watch::watch;
use crate::record::DecisionLogOptions;
use crate::routes::metrics_app;
use crate::service::AppService;
use crate::threads::Threads;

/// How long requests in flight may take after the shutdown has started.
const GRACE: Duration = Duration::from_secs(10);

/// Threads for what the server does beside requests: it looks at the models' files, at keys and
/// certificates, writes drift windows, and closes what is open at the end.
const BESIDE_REQUESTS: usize = 4;

/// Connections that wait to be accepted, at most; the system may allow fewer. Of more, some begin a
/// second later, or not at all.
const WAITING_CONNECTIONS: u32 = 4096;

/// TLS sessions hold so much less than bodies and answers, beside them: nobody has shown a key yet.
const SESSIONS_SHARE: usize = 2;

/// How often drift windows are written to the disk.
const DRIFT_KEPT_EVERY: Duration = Duration::from_secs(60);

/// Serves until SIGTERM or ctrl-c.
///
/// # Errors
/// When the model cannot be loaded, the address cannot be listened on, or the listener
/// fails.
pub async fn serve(options: ServeOptions) -> Result<(), ServeError> {
    Server::bind(options).await?.run(shutdown_signal()).await
}

/// Loaded models and open ports: connections queue until [`Server::run`].
pub struct Server {
    app: Arc<App>,
    options: ServeOptions,
    listener: TcpListener,
    address: SocketAddr,
    metrics: Option<(TcpListener, SocketAddr)>,
    tls: Option<Arc<Tls>>,
    spans: Option<Arc<Spans>>,
    /// Of the folder of drift windows, held until all have been written.
    drift_lock: Option<StateLock>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Loads the models and opens the ports.
    ///
    /// # Errors
    /// When either fails, or a setting cannot be used.
    pub async fn bind(options: ServeOptions) -> Result<Self, ServeError> {
        options.check()?;
        let drift = options.drift.as_ref();
        let drift_lock = drift.and_then(|drift| drift.state.as_deref());
        let drift_lock = drift_lock.map(StateLock::take).transpose();
        let drift_lock = drift_lock.map_err(ServeError::Setting)?;
        let scheme = scheme(options.tls.is_some());
        let spans = options.traces.as_ref();
        let spans = spans.map(|to| Spans::start(to, scheme)).transpose()?;
        let app = App::open(options.clone())?;
        let files = options.tls.clone();
        let tls = files.map(|files| Tls::open(files, app.metrics().http.expires()));
        let tls = tls.transpose()?.map(Arc::new);
        let (listener, address) = listen(&options.host, options.port).await?;
        let metrics = match options.metrics_port {
            Some(port) => Some(listen(&options.host, port).await?),
            None => None,
        };
        if !address.ip().is_loopback() && !app.needs_key() {
            tracing::warn!(%address, "no API key is set: whoever reaches this address may ask for decisions and has the model's file; set --api-key (API_KEY), or listen on 127.0.0.1");
        }
        for slot in app.registry().all() {
            if let Some(live) = slot.live() {
                let info = &live.champion.description().model;
                tracing::info!(%address, model = slot.name(), version = info.version, digest = info.digest, "model loaded");
            }
        }
        Ok(Self {
            app,
            options,
            listener,
            address,
            metrics,
            tls,
            spans,
            drift_lock,
        })
    }

    /// Where it listens: with the port that the system chose, if it was 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where `/metrics` is, when it has a port of its own.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(_, address)| *address)
    }

    /// Whether `/` is a page to a browser: not where the page is switched off, nor where a key
    /// closes it.
    #[must_use]
    pub fn has_page(&self) -> bool {
        self.app.page().is_some()
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        scheme(self.tls.is_some())
    }

    /// Answers until `shutdown` completes, then until the requests in flight are
    /// answered, at most 10 s more.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub async fn run(
        mut self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let (stop, stopped) = watch::channel(false);
        let _drift_lock = self.drift_lock.take();
        let address = self.address;
        let cannot_run = |reason| ServeError::Run { address, reason };
        let pushing = self
            .options
            .push
            .clone()
            .map(|push| Pushing::start(push, &self.app))
            .transpose()
            .map_err(cannot_run)?;
        let (workers, mut ended) = Workers::start(&stopped).map_err(cannot_run)?;
        let threads = Threads::start("background", BESIDE_REQUESTS, 0).map_err(cannot_run)?;
        let threads = Arc::new(threads);
        let state = Arc::clone(&self.app);
        let registry = Arc::clone(self.app.registry());
        let [for_models, for_keys] = hang_ups();
        let interval = self.options.watch_interval;
        let watching = tokio::spawn(watch(registry, interval, for_models, Arc::clone(&threads)));
        let renewing = tokio::spawn(self.renewal(&threads).run(interval, for_keys));
        let spans = self.spans.clone();
        let keeping = state
            .keeps_drift()
            .then(|| tokio::spawn(keep_drift(Arc::clone(&state), Arc::clone(&threads))));
        let mut serving = JoinSet::new();
        for connections in self.connections() {
            serving.spawn(connections.run(workers.clone(), stopped.clone()));
        }
        drop(workers);
        tokio::select! {
            () = shutdown => {}
            // Only a bug ends a listener before the shutdown.
            _ = serving.join_next() => {}
        }
        tracing::info!("shutdown started: finishing the requests in flight");
        state.middleware().stop();
        let _ = stop.send(true);
        let finished = async {
            while serving.join_next().await.is_some() {}
            ended.wait().await;
        };
        if tokio::time::timeout(GRACE, finished).await.is_err() {
            tracing::warn!(
                seconds = GRACE.as_secs(),
                "shutdown timed out: some requests were not answered"
            );
        }
        // What was not finished ends here: it would go on to write to the log, which is closed next.
        drop(ended);
        watching.abort();
        renewing.abort();
        if let Some(log) = state.log().cloned() {
            let _ = threads.run(move || log.close()).await;
        }
        if let Some(keeping) = keeping {
            keeping.abort();
            let _ = threads.run(move || state.keep_drift(End::OfServer)).await;
        }
        let spans = async {
            if let Some(spans) = spans {
                spans.finish(&threads).await;
            }
        };
        let pushing = async {
            if let Some(pushing) = pushing {
                pushing.finish().await;
            }
        };
        tokio::join!(spans, pushing);
        Ok(())
    }

    fn renewal(&self, threads: &Arc<Threads>) -> Renewal {
        let log = self.options.decision_log.clone();
        let source = self.options.key_source.clone();
        let keys = source.map(|KeySource(read)| {
            let read = move || fitting(read()?, log.as_ref());
            let keys = Arc::clone(&self.app.middleware().keys);
            (keys, KeySource(Arc::new(read)))
        });
        Renewal {
            keys,
            tls: self.tls.clone(),
            refused: Mutex::default(),
            threads: Arc::clone(threads),
        }
    }

    /// The public listener, and the one for metrics.
    fn connections(self) -> Vec<Connections<AppService>> {
        let Self {
            app: state,
            options,
            listener,
            metrics,
            tls,
            spans,
            ..
        } = self;
        let public = Connections {
            listener,
            service: AppService::public(Arc::clone(&state), spans.as_ref()),
            tls,
            limits: options.http.clone(),
            metrics: Arc::clone(&state.metrics().http),
            sessions: Sessions::new(options.http.body_memory / SESSIONS_SHARE),
        };
        let private = metrics.map(|(listener, _)| Connections {
            listener,
            service: AppService::routed(metrics_app(Arc::clone(&state))),
            tls: None,
            limits: options.http,
            metrics: Arc::clone(&state.metrics().http),
            sessions: Sessions::new(0),
        });
        std::iter::once(public).chain(private).collect()
    }
}

/// These, if the people fit the settings of the decision log; without one there are none.
fn fitting(all: Credentials, log: Option<&DecisionLogOptions>) -> Result<Credentials, String> {
    let Some(log) = log else {
        return Ok(Credentials {
            people: Vec::new(),
            ..all
        });
    };
    let log = DecisionLogOptions {
        people: all.people,
        ..log.clone()
    };
    log.check()?;
    Ok(Credentials {
        people: log.people,
        ..all
    })
}

fn scheme(is_tls: bool) -> &'static str {
    if is_tls { "https" } else { "http" }
}

/// Writes the drift windows once a minute, so that a crash costs little of them.
async fn keep_drift(app: Arc<App>, threads: Arc<Threads>) {
    let mut turns = tokio::time::interval(DRIFT_KEPT_EVERY);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    turns.tick().await;
    loop {
        turns.tick().await;
        let app = Arc::clone(&app);
        let _ = threads.run(move || app.keep_drift(End::None)).await;
    }
}

/// How long the last push of metrics may take.
const LAST_PUSH: Duration = Duration::from_secs(2);

/// The thread that pushes metrics.
struct Pushing {
    stop: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Pushing {
    fn start(options: push::PushOptions, app: &Arc<App>) -> std::io::Result<Self> {
        let app = Arc::clone(app);
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("metrics-push".to_owned())
            .spawn(move || push::run(&options, &|| app.measured(Format::Text), &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Lets it push once more, and waits a little for that: a gateway that is slow delays no stop.
    async fn finish(self) {
        drop(self.stop);
        let done = async {
            while !self.thread.is_finished() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(LAST_PUSH, done).await.is_err() {
            tracing::warn!("metrics not pushed a last time: the gateway is too slow");
        }
    }
}

/// Completes on SIGTERM or ctrl-c, which are heard from this call on.
///
/// # Panics
/// Outside of a tokio runtime.
#[cfg(unix)]
pub fn shutdown_signal() -> impl Future<Output = ()> + Send + 'static {
    let signals = [SignalKind::interrupt(), SignalKind::terminate()];
    let [interrupt, terminate] = signals.map(signal);
    async move {
        tokio::select! {
            () = heard(interrupt) => {}
            () = heard(terminate) => {}
        }
    }
}

#[cfg(unix)]
async fn heard(signal: io::Result<Signal>) {
    match signal {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// Completes on ctrl-c.
#[cfg(not(unix))]
pub async fn shutdown_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

async fn listen(host: &str, port: u16) -> Result<(TcpListener, SocketAddr), ServeError> {
    let open = async {
        let mut last = None;
        for address in tokio::net::lookup_host((host, port)).await? {
            match bind(address) {
                Ok(listener) => {
                    let address = listener.local_addr()?;
                    return Ok((listener, address));
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("the host has no address")))
    };
    open.await.map_err(|reason| ServeError::Bind {
        host: host.to_owned(),
        port,
        reason,
    })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As `TcpListener::bind` does: the port may have been another server's a moment ago.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_CONNECTIONS)
}

/// Each is notified on SIGHUP.
fn hang_ups() -> [Arc<Notify>; 2] {
    let all = [Arc::new(Notify::new()), Arc::new(Notify::new())];
    #[cfg(unix)]
    if let Ok(mut signal) = signal(SignalKind::hangup()) {
        let all = all.clone();
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                all.iter().for_each(|one| one.notify_one());
            }
        });
    }
    all
}
