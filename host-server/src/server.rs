//! An address, the router on it, and an end that lets requests finish.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::config::ServeOptions;
use crate::error::ServeError;
use crate::host::ModelHost;
use crate::routes::{App, app};

/// How long requests in flight may take once the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Serves a model until SIGTERM or ctrl-c.
///
/// # Errors
/// When the model cannot be loaded, the address cannot be listened on, or the listener
/// fails.
pub async fn serve(options: ServeOptions) -> Result<(), ServeError> {
    Server::bind(options).await?.run(shutdown_signal()).await
}

/// A loaded model and an open port: connections queue until [`Server::run`].
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl Server {
    /// Loads the model and opens the port.
    ///
    /// # Errors
    /// When either fails.
    pub async fn bind(options: ServeOptions) -> Result<Self, ServeError> {
        let ServeOptions {
            model,
            host,
            port,
            limits,
        } = options;
        let model = ModelHost::open(model, limits)?;
        let (listener, address) = listen(&host, port)
            .await
            .map_err(|reason| ServeError::Bind { host, port, reason })?;
        let info = &model.description().model;
        tracing::info!(%address, model = info.name, version = info.version, digest = info.digest, "serving");
        Ok(Self {
            listener,
            address,
            router: app(App::new(model)),
        })
    }

    /// Where it listens: with the port that the system chose, if it was 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` completes, then until the requests in flight are
    /// answered, at most 10 s more.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let address = self.address;
        let (stopping, stopped) = oneshot::channel();
        let listener = self.listener.tap_io(|stream| {
            // Answers are small: send them at once. Without it they are slower, not wrong.
            let _ = stream.set_nodelay(true);
        });
        let server = axum::serve(listener, self.router).with_graceful_shutdown(async {
            shutdown.await;
            tracing::info!("stopping: finishing the requests in flight");
            let _ = stopping.send(());
        });
        tokio::select! {
            result = server => result.map_err(|reason| ServeError::Run { address, reason }),
            () = grace(stopped) => {
                tracing::warn!(seconds = GRACE.as_secs(), "stopped with requests unanswered");
                Ok(())
            }
        }
    }
}

/// Completes on SIGTERM or ctrl-c.
pub async fn shutdown_signal() {
    tokio::select! {
        () = interrupt() => {}
        () = terminate() => {}
    }
}

async fn listen(host: &str, port: u16) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((host, port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn grace(stopped: oneshot::Receiver<()>) {
    match stopped.await {
        Ok(()) => tokio::time::sleep(GRACE).await,
        Err(_) => std::future::pending().await,
    }
}

async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

#[cfg(unix)]
async fn terminate() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminate() {
    std::future::pending().await
}
