//! One connection: its requests are answered until it ends.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::ready;
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
use tokio::time::Instant;

use super::caller::Caller;
use super::handshake::Handshake;
use super::heads::Heads;
use super::metrics::Counted;
use super::pace::LeastPace;
use super::records::sides;
use super::rounds::{Looks, Rounds};
use super::shares::Share;
use super::slow_reader::SlowReader;
use super::watched::Watched;

/// How long idle connections stay open once the server is told to stop.
const LINGER: Duration = Duration::from_millis(250);

/// Bytes of answers that wait to be encrypted and sent: a record of TLS.
const TLS_BUFFER: usize = 16 << 10;

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
    pub(crate) tls: Option<Handshake>,
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
    pub(crate) async fn serve(
        mut self,
        stream: std::net::TcpStream,
        rounds: Arc<Rounds>,
        mut stop: oneshot::Receiver<()>,
    ) {
        // This fails when there are no more file descriptors.
        let Ok(stream) = TcpStream::from_std(stream) else {
            return;
        };
        let end = Instant::now() + self.head;
        // Before anything has come there is no step of a handshake to be made.
        if self.tls.is_some() && !has_come(&stream, end, &mut stop).await {
            return;
        }
        let stream = Watched::new(stream, SlowReader::new(self.pace));
        match self.tls.take() {
            None => self.answer(stream, Heads::new(), &rounds, stop).await,
            // In a place of its own: each connection has the memory of the larger way.
            Some(tls) => Box::pin(self.answer_securely(tls, end, stream, &rounds, stop)).await,
        }
    }

    async fn answer_securely<T>(
        self,
        tls: Handshake,
        end: Instant,
        stream: T,
        rounds: &Arc<Rounds>,
        stop: oneshot::Receiver<()>,
    ) where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let heads = Heads::new();
        // A client that does not complete the handshake in time is dropped.
        let caller = self.caller();
        let (below, above) = sides(tls.at_most, tls.room, &heads);
        let shake = tls.acceptor.accept(Watched::new(stream, below));
        let shaken = tls.steps.complete(shake, above.signed(), &caller);
        let shaken = Box::pin(tokio::time::timeout_at(end, shaken)).await;
        if let Ok(Some(Ok(mut stream))) = shaken {
            above.begin();
            stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
            let stream = Watched::new(stream, above);
            self.answer(stream, heads, rounds, stop).await;
        }
    }

    /// Known by its address: a key comes with each request.
    pub(crate) fn caller(&self) -> Caller {
        Caller::Unknown.or_from(Some(self.peer.0.ip()))
    }

    async fn answer<T>(
        self,
        stream: T,
        heads: Heads,
        rounds: &Arc<Rounds>,
        stop: oneshot::Receiver<()>,
    ) where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = Watched::new(stream, heads.clone());
        let service = service_fn(|request: Request<Incoming>| {
            heads.asked();
            let (service, peer, heads) = (&self.service, self.peer, &heads);
            async move {
                heads.take_turn().await;
                // Made here, each connection holds this future once; handed in, twice.
                Ok::<_, Infallible>(heads.answered(service.answer(peer, request).await))
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
        let mut looks = rounds.looks(&self.caller());
        // Errors here are the client's: it left, was too slow, or does not speak HTTP.
        tokio::select! {
            biased;
            _ = looked_at(served.as_mut(), &heads, &mut looks) => return,
            () = heads.late(self.head) => return,
            _ = stop => {}
        }
        // A request may already be on its way on a connection that looks idle: wait for it, and
        // let its answer tell the client that it is the last.
        tokio::select! {
            _ = looked_at(served.as_mut(), &heads, &mut looks) => return,
            () = tokio::time::sleep(LINGER) => served.as_mut().graceful_shutdown(),
        }
        let _ = looked_at(served, &heads, &mut looks).await;
    }
}

/// Waits for the first bytes, and not for long once the server is told to stop.
async fn has_come(stream: &TcpStream, end: Instant, stop: &mut oneshot::Receiver<()>) -> bool {
    let came = tokio::select! {
        biased;
        came = tokio::time::timeout_at(end, stream.readable()) => came,
        _ = &mut *stop => {
            // It was told once: from now on it is so for whoever looks.
            *stop = oneshot::channel().1;
            tokio::time::timeout(LINGER, stream.readable()).await
        }
    };
    matches!(came, Ok(Ok(())))
}

/// A connection, each look at which is a turn of it.
fn looked_at<C: Future>(
    mut served: Pin<&mut C>,
    heads: &Heads,
    looks: &mut Looks,
) -> impl Future<Output = C::Output> {
    poll_fn(move |context| {
        ready!(looks.poll(context));
        heads.begin_turn();
        served.as_mut().poll(context)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream as Std};
    use std::num::NonZeroUsize;
    use std::sync::Mutex;
    use std::thread::JoinHandle;

    use axum::body::Body;
    use prometheus_client::registry::Registry;

    use super::super::caller::Caller;
    use super::super::metrics::HttpMetrics;
    use super::super::shares::Shares;
    use super::*;

    /// Remembers who asked, in order.
    #[derive(Clone)]
    struct Asked(Arc<Mutex<Vec<u16>>>);

    impl Service for Asked {
        async fn answer(&self, peer: Peer, _request: Request<Incoming>) -> Response {
            self.0.lock().unwrap().push(peer.0.port());
            Response::new(Body::empty())
        }
    }

    /// A client that sends so many requests at once, each with so long a header, and the server's
    /// side.
    fn open(
        listener: &TcpListener,
        requests: usize,
        header: usize,
    ) -> (JoinHandle<Std>, Std, SocketAddr) {
        let mut client = Std::connect(listener.local_addr().unwrap()).unwrap();
        let header = "x".repeat(header);
        let request = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {header}\r\n\r\n");
        // More than the system holds waits until the server has read.
        let client = std::thread::spawn(move || {
            let _ = client.write_all(request.repeat(requests).as_bytes());
            client
        });
        let (server, peer) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        (client, server, peer)
    }

    /// Many requests in one piece were once answered before anything else that the thread had.
    #[tokio::test]
    async fn many_requests_in_one_piece_take_one_turn_each() {
        check_turns(100, 1).await;
    }

    /// So were those of which the buffer holds only one at a time.
    #[tokio::test]
    async fn many_long_requests_take_one_turn_each() {
        check_turns(30, 12 << 10).await;
    }

    /// A connection of this client, which `asked` answers.
    fn connection(asked: &Asked, peer: SocketAddr) -> Connection<Asked> {
        let metrics = HttpMetrics::register(&mut Registry::default(), false);
        let shares = Shares::new(NonZeroUsize::new(16).unwrap());
        Connection {
            service: asked.clone(),
            tls: None,
            head: Duration::from_secs(10),
            head_bytes: 16 << 10,
            keep_alive: Duration::from_secs(10),
            peer: Peer(peer),
            pace: LeastPace {
                pause: Duration::from_secs(10),
                rate: 1,
            },
            _permit: shares.take(&Caller::Unknown).unwrap(),
            _counted: metrics.connection(),
        }
    }

    /// Once so many requests have been answered.
    async fn all_asked(asked: &Asked, requests: usize) {
        let done = async {
            while asked.0.lock().unwrap().len() < requests {
                tokio::task::yield_now().await;
            }
        };
        let done = tokio::time::timeout(Duration::from_secs(30), done);
        assert!(done.await.is_ok(), "{}", asked.0.lock().unwrap().len());
    }

    async fn check_turns(requests: usize, header: usize) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let asked = Asked(Arc::default());
        let (_many, server, first) = open(&listener, requests, header);
        let (_one, other, second) = open(&listener, 1, 1);
        std::thread::sleep(Duration::from_millis(50));
        let rounds = Rounds::start();
        let (_stop, stop) = oneshot::channel();
        let (_end, end) = oneshot::channel();
        let all = async {
            tokio::join!(
                connection(&asked, first).serve(server, Arc::clone(&rounds), stop),
                connection(&asked, second).serve(other, Arc::clone(&rounds), end)
            )
        };
        tokio::select! {
            _ = all => {}
            () = all_asked(&asked, requests + 1) => {}
        }
        let order = asked.0.lock().unwrap();
        let at = order.iter().position(|port| *port == second.port());
        assert!(at.is_some_and(|at| at < 5), "{at:?}");
    }

    /// Of many connections that were ready together each was once answered before another address's
    /// only one.
    #[tokio::test]
    async fn addresses_take_turns_where_many_connections_are_ready() {
        const MANY: usize = 300;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let asked = Asked(Arc::default());
        let rounds = Rounds::start();
        let mut clients: Vec<_> = (0..MANY).map(|_| open(&listener, 1, 1)).collect();
        clients.push(open(&listener, 1, 1));
        std::thread::sleep(Duration::from_millis(50));
        let mut tasks = tokio::task::JoinSet::new();
        let mut held = Vec::new();
        let mut last = 0;
        for (at, (client, server, mut peer)) in clients.into_iter().enumerate() {
            if at == MANY {
                last = peer.port();
                peer.set_ip([192, 0, 2, 1].into());
            }
            let (stop, stopped) = oneshot::channel();
            held.push((client, stop));
            tasks.spawn(connection(&asked, peer).serve(server, Arc::clone(&rounds), stopped));
        }
        all_asked(&asked, MANY + 1).await;
        let order = asked.0.lock().unwrap();
        let at = order.iter().position(|port| *port == last);
        // Behind those that wait for nobody, and one round of those that do.
        assert!(at.is_some_and(|at| at < 80), "{at:?}");
    }
}
