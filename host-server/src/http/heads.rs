//! When the head of a connection's next request has begun: it must be whole in time, whatever the
//! connection has asked before. The time that a connection may be idle is longer, and another.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::{Body as _, Frame, SizeHint};

use super::watched::Watch;

/// The server waits for the next request, of which nothing has come.
const IDLE: u64 = 0;
/// Some of its head has come.
const BEGUN: u64 = 1;
/// It is being answered.
const ASKED: u64 = 2;
/// Above these two bits are the requests that were asked before.
const REQUEST: u64 = 4;

/// Answers of a known length up to this are as good as sent: nothing is read before their end.
const SHORT: u64 = 64 << 10;

/// Where a connection is in its requests. Clones share it.
#[derive(Clone)]
pub(super) struct Heads(Arc<State>);

struct State {
    now: AtomicU64,
    /// A request was asked since the connection's turn began.
    has_asked: AtomicBool,
}

impl Heads {
    /// Of a connection that has just been opened: its first request begins with it.
    pub(super) fn new() -> Self {
        Self(Arc::new(State {
            now: AtomicU64::new(BEGUN),
            has_asked: AtomicBool::new(false),
        }))
    }

    /// The connection is looked at: it may answer one request before others are.
    pub(super) fn begin_turn(&self) {
        self.0.has_asked.store(false, Ordering::Relaxed);
    }

    /// Lets other connections have their turn, where this one has had it: many requests that are
    /// there would be answered one after the other.
    pub(super) async fn take_turn(&self) {
        if self.0.has_asked.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        self.0.has_asked.store(true, Ordering::Relaxed);
    }

    /// A request's head is whole.
    pub(super) fn asked(&self) {
        let requests = self.0.now.load(Ordering::Relaxed) / REQUEST;
        self.0
            .now
            .store((requests + 1) * REQUEST + ASKED, Ordering::Relaxed);
    }

    /// Its answer is there; what is read once it is sent is the next request.
    pub(super) fn answered(&self, answer: Response) -> Response {
        let length = answer.body().size_hint().exact();
        if length.is_some_and(|length| length <= SHORT) {
            self.sent();
            return answer;
        }
        let heads = self.clone();
        answer.map(|body| Body::new(Answer { body, heads }))
    }

    fn sent(&self) {
        let before = self.0.now.load(Ordering::Relaxed);
        self.0
            .now
            .store(before / REQUEST * REQUEST + IDLE, Ordering::Relaxed);
    }

    /// Whether some of a request's head has come, and not all of it.
    pub(super) fn is_begun(&self) -> bool {
        self.begun().is_some()
    }

    /// Whether a request is being answered.
    pub(super) fn is_asked(&self) -> bool {
        self.0.now.load(Ordering::Relaxed) % REQUEST == ASKED
    }

    /// The request whose head has begun.
    fn begun(&self) -> Option<u64> {
        let now = self.0.now.load(Ordering::Relaxed);
        (now % REQUEST == BEGUN).then_some(now / REQUEST)
    }

    /// Completes when a head has not become whole in `time`: that of the first request then, any
    /// other's before twice that time.
    pub(super) async fn late(&self, time: Duration) {
        let mut before = self.begun();
        loop {
            tokio::time::sleep(time).await;
            let now = self.begun();
            if now.is_some() && now == before {
                return;
            }
            before = now;
        }
    }
}

impl Heads {
    /// Something of the next request has come, if the server waits for that.
    pub(super) fn begin(&self) {
        let before = self.0.now.load(Ordering::Relaxed);
        if before % REQUEST == IDLE {
            self.0.now.store(before + BEGUN, Ordering::Relaxed);
        }
    }
}

impl Watch for Heads {
    fn read(&mut self, _bytes: &[u8]) -> io::Result<()> {
        self.begin();
        Ok(())
    }
}

/// A long answer: the connection is busy until it has been sent.
struct Answer {
    body: Body,
    heads: Heads,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.heads.sent();
    }
}
