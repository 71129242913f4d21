//! One connection: its requests are answered until it ends.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::handshake::Handshake;
use super::heads::Heads;
use super::metrics::Counted;
use super::pace::LeastPace;
use super::shares::Share;
use super::slow_reader::SlowReader;
use super::watched::Watched;

/// How long idle connections stay open once the server is told to stop.
const LINGER: Duration = Duration::from_millis(250);

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What answers the requests of a connection.
pub(crate) trait Service: Clone + Send + Sync + 'static {
    /// Answers one request, whatever becomes of it.
    fn answer(
        &self,
        peer: Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response> + Send;
}

/// One connection and what it needs to be served.
pub(crate) struct Connection<S> {
    pub(crate) service: S,
    pub(crate) tls: Option<TlsAcceptor>,
    /// Time for a request's head, once it has begun.
    pub(crate) head: Duration,
    /// The longest head (method, path and headers), in bytes. A longer one is answered 431.
    pub(crate) head_bytes: usize,
    /// Time until the next request begins.
    pub(crate) keep_alive: Duration,
    /// Whose requests these are.
    pub(crate) peer: Peer,
    /// How fast it must take its answers.
    pub(crate) pace: LeastPace,
    pub(crate) _permit: Share,
    pub(crate) _counted: Counted,
}

impl<S: Service> Connection<S> {
    /// Answers until the client leaves, or `stop` comes or is dropped.
    pub(crate) async fn serve(self, stream: std::net::TcpStream, stop: oneshot::Receiver<()>) {
        // This fails when there are no more file descriptors.
        let Ok(stream) = TcpStream::from_std(stream) else {
            return;
        };
        let stream = Watched::new(stream, SlowReader::new(self.pace));
        match self.tls.clone() {
            None => self.answer(stream, stop).await,
            // In a place of its own: each connection has the memory of the larger way.
            Some(tls) => Box::pin(self.answer_securely(tls, stream, stop)).await,
        }
    }

    async fn answer_securely<T>(self, tls: TlsAcceptor, stream: T, stop: oneshot::Receiver<()>)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // A client that does not complete the handshake in time is dropped.
        let shaken = tls.accept(Watched::new(stream, Handshake::begin()));
        let shaken = Box::pin(tokio::time::timeout(self.head, shaken)).await;
        if let Ok(Ok(mut stream)) = shaken {
            stream.get_mut().0.watch.done();
            self.answer(stream, stop).await;
        }
    }

    async fn answer<T>(self, stream: T, stop: oneshot::Receiver<()>)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let heads = Heads::new();
        let stream = Watched::new(stream, heads.clone());
        let service = service_fn(|request: Request<Incoming>| {
            heads.asked();
            let (answer, heads) = (self.service.answer(self.peer, request), &heads);
            async move {
                heads.take_turn().await;
                Ok::<_, Infallible>(heads.answered(answer.await))
            }
        });
        let mut served = std::pin::pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                // From the end of one answer to the end of the next request's head.
                .header_read_timeout(self.keep_alive)
                // Also the most that a connection keeps of what was read and is not yet used.
                .max_buf_size(self.head_bytes)
                .serve_connection(TokioIo::new(stream), service)
        );
        // Errors here are the client's: it left, was too slow, or does not speak HTTP.
        tokio::select! {
            biased;
            _ = served.as_mut() => return,
            () = heads.late(self.head) => return,
            _ = stop => {}
        }
        // A request may already be on its way on a connection that looks idle: wait for it, and
        // let its answer tell the client that it is the last.
        tokio::select! {
            _ = served.as_mut() => return,
            () = tokio::time::sleep(LINGER) => served.as_mut().graceful_shutdown(),
        }
        let _ = served.await;
    }
}
