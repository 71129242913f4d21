//! Accepts connections up to a limit and hands them to the workers; on shutdown, lets requests
//! finish.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::caller::Caller;
use super::connection::{Connection, Peer, Service};
use super::limits::HttpLimits;
use super::metrics::{HttpMetrics, Rejected};
use super::records::Sessions;
use super::shares::Shares;
use super::tls::Tls;
use super::workers::Workers;

/// The pause before accepting again when the system has no more file descriptors.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    retry-after: 1\r\ncontent-length: 56\r\nconnection: close\r\n\r\n\
    {\"detail\":\"Too many connections; try again in a second\"}";

/// One listener and what its connections share.
pub(crate) struct Connections<S> {
    pub(crate) listener: TcpListener,
    pub(crate) service: S,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) limits: HttpLimits,
    pub(crate) metrics: Arc<HttpMetrics>,
    pub(crate) sessions: Sessions,
}

impl<S: Service> Connections<S> {
    /// Gives connections to `workers` until `stop` says true.
    pub(crate) async fn run(self, workers: Workers<S>, mut stop: watch::Receiver<bool>) {
        let permits = Shares::new(self.limits.connections);
        let mut turned_away = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
                Some(_) = turned_away.join_next() => continue,
            };
            match accepted {
                Ok((stream, from)) => {
                    self.take(stream, Peer(from), &permits, &workers, &mut turned_away);
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
        // Connections that the system accepted before the shutdown are served, too.
        while let Ok(Ok((stream, from))) =
            tokio::time::timeout(Duration::ZERO, self.listener.accept()).await
        {
            self.take(stream, Peer(from), &permits, &workers, &mut turned_away);
        }
        drop(self.listener);
        while turned_away.join_next().await.is_some() {}
    }

    fn take(
        &self,
        stream: TcpStream,
        peer: Peer,
        permits: &Arc<Shares>,
        workers: &Workers<S>,
        turned_away: &mut JoinSet<()>,
    ) {
        // Answers are small: send them at once. A failure here only makes them slower.
        let _ = stream.set_nodelay(true);
        limit_unsent(&stream);
        let caller = Caller::Unknown.or_from(Some(peer.0.ip()));
        let Ok(permit) = permits.take(&caller) else {
            self.metrics.reject(Rejected::connections);
            turned_away.spawn(turn_away(stream, self.tls.is_some()));
            return;
        };
        let connection = Connection {
            service: self.service.clone(),
            tls: self
                .tls
                .as_ref()
                .map(|tls| tls.handshake(self.sessions.of(&caller))),
            head: self.limits.head,
            head_bytes: self.limits.head_bytes(),
            keep_alive: self.limits.keep_alive,
            peer,
            pace: self.limits.pace(),
            _permit: permit,
            _counted: self.metrics.connection(),
        };
        workers.give(stream, connection);
    }
}

/// Bytes of answers that the system holds for a client that does not take them: by default it is
/// megabytes for each connection, which count nowhere.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 32 << 10;

#[cfg(target_os = "linux")]
fn limit_unsent(stream: &TcpStream) {
    // A failure leaves the system's own limit.
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
}

#[cfg(not(target_os = "linux"))]
fn limit_unsent(_stream: &TcpStream) {}

/// Answers 503 if that takes no time, and closes the connection.
async fn turn_away(mut stream: TcpStream, tls: bool) {
    if !tls {
        let _ = tokio::time::timeout(RETRY_PAUSE, async {
            stream.write_all(FULL).await?;
            stream.shutdown().await
        })
        .await;
    }
}
