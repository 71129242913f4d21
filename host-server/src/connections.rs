//! Connections: as many as may be, each with a clock on it, and an end that lets requests
//! finish.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::config::HttpLimits;
use crate::metrics::{Counted, Metrics, Rejected};
use crate::routes::Service;
use crate::workers::Workers;

/// A request's head: method, path and headers together. Longer ones are answered 431.
const LONGEST_HEAD: usize = 64 << 10;

/// When the system has no more descriptors, so long is waited before it is asked again.
const BREATH: Duration = Duration::from_millis(50);

/// So long idle connections stay open once the server is told to stop.
const LINGER: Duration = Duration::from_millis(250);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    retry-after: 1\r\ncontent-length: 56\r\nconnection: close\r\n\r\n\
    {\"detail\":\"Too many connections: try again in a second\"}";

/// One listener and what its connections may do.
pub(crate) struct Connections {
    pub(crate) listener: TcpListener,
    pub(crate) service: Service,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) limits: HttpLimits,
    pub(crate) metrics: Arc<Metrics>,
}

impl Connections {
    /// Gives connections to `workers` until `stop` says true.
    pub(crate) async fn run(self, workers: Workers, mut stop: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(self.limits.connections.get()));
        let mut turned_away = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
                Some(_) = turned_away.join_next() => continue,
            };
            match accepted {
                Ok((stream, _)) => self.take(stream, &places, &workers, &mut turned_away),
                Err(error) => {
                    tracing::warn!(%error, "no connection taken");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
        // Those that the system took before the end came are clients, too.
        while let Ok(Ok((stream, _))) =
            tokio::time::timeout(Duration::ZERO, self.listener.accept()).await
        {
            self.take(stream, &places, &workers, &mut turned_away);
        }
        drop(self.listener);
        while turned_away.join_next().await.is_some() {}
    }

    fn take(
        &self,
        stream: TcpStream,
        places: &Arc<Semaphore>,
        workers: &Workers,
        turned_away: &mut JoinSet<()>,
    ) {
        // Answers are small: send them at once. Without it they are slower, not wrong.
        let _ = stream.set_nodelay(true);
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            self.metrics.http.reject(Rejected::connections);
            turned_away.spawn(turn_away(stream, self.tls.is_some()));
            return;
        };
        let connection = Connection {
            service: self.service.clone(),
            tls: self.tls.clone(),
            head: self.limits.head,
            _place: place,
            _counted: Counted::connection(&self.metrics),
        };
        workers.give(stream, connection);
    }
}

/// One connection and what it may do.
pub(crate) struct Connection {
    service: Service,
    tls: Option<TlsAcceptor>,
    head: Duration,
    _place: OwnedSemaphorePermit,
    _counted: Counted,
}

impl Connection {
    /// Answers until the client leaves, or `stop` comes or is dropped.
    pub(crate) async fn serve(self, stream: std::net::TcpStream, stop: oneshot::Receiver<()>) {
        // It fails when there are no more descriptors.
        let Ok(stream) = TcpStream::from_std(stream) else {
            return;
        };
        match self.tls.clone() {
            None => self.answer(stream, stop).await,
            Some(tls) => {
                // A client that does not shake hands in time is gone.
                if let Ok(Ok(stream)) = tokio::time::timeout(self.head, tls.accept(stream)).await {
                    self.answer(stream, stop).await;
                }
            }
        }
    }

    async fn answer<S>(self, stream: S, stop: oneshot::Receiver<()>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| self.service.answer(request));
        let mut served = std::pin::pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.head)
                .max_buf_size(LONGEST_HEAD)
                .serve_connection(TokioIo::new(stream), service)
        );
        // Its errors are the client's: it left, was too slow, or spoke something else.
        tokio::select! {
            biased;
            _ = served.as_mut() => return,
            _ = stop => {}
        }
        // A request may be on its way on a connection that is idle for us: its answer tells
        // the client that it is the last.
        tokio::select! {
            _ = served.as_mut() => return,
            () = tokio::time::sleep(LINGER) => served.as_mut().graceful_shutdown(),
        }
        let _ = served.await;
    }
}

/// Says why, when that takes no time, and hangs up.
async fn turn_away(mut stream: TcpStream, tls: bool) {
    if !tls {
        let _ = tokio::time::timeout(BREATH, async {
            stream.write_all(FULL).await?;
            stream.shutdown().await
        })
        .await;
    }
}
