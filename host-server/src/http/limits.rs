//! What clients may use before they are rejected.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use super::pace::LeastPace;

/// What clients may use before they are rejected.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Concurrent connections; one more is answered 503 and closed. Default: 10,000.
    pub connections: NonZeroUsize,
    /// Concurrent requests; one more is answered 503. Default: 1,024.
    pub requests: NonZeroUsize,
    /// Requests per second for each key. Default: unlimited.
    pub rate: Option<NonZeroU32>,
    /// Timeout for a request's head, from its first byte (the first one's from when the
    /// connection opens). It is looked at from time to time: a head that is not a connection's
    /// first may take up to twice that. Default: 10 s.
    pub head: Duration,
    /// The longest head of a request (method, path and headers), in bytes, at least
    /// [`HttpLimits::LEAST_HEAD`]; a longer one is answered 431. Every connection may hold so
    /// much. Default: 16 KiB.
    pub head_bytes: usize,
    /// How long an idle connection stays open for the next request. Default: 75 s, longer than
    /// load balancers keep theirs (60 s), so that they never send into a connection that closes.
    pub keep_alive: Duration,
    /// Timeout for a request's body; for the next piece of a streamed one. Default: 30 s.
    pub body: Duration,
    /// The least that a client brings or takes of a stream, in bytes a second on average, once
    /// its first `body` seconds are over. Default: 1,024.
    pub least_rate: u32,
    /// Bytes that the bodies and answers of all connections hold together; a request that
    /// needs more is answered 503. Of each, the first 64 KiB come from a quarter that nothing
    /// else may take; the bodies of one caller may take seven eighths of that, and of the rest.
    /// Default: 128 MiB.
    pub body_memory: usize,
    /// Bytes of a batch that is not streamed, also when it is unpacked; less than 4 GiB.
    /// Default: 64 MiB.
    pub batch_bytes: usize,
    /// The most rows of a batch. Default: 100,000.
    pub batch_rows: usize,
    /// How many rows of a batch that is explained may ask for recourse, which takes up to
    /// [`Limits::explain`](crate::Limits) each. Default: 1,000.
    pub recourse_rows: usize,
}

impl HttpLimits {
    /// The least that `head_bytes` may be: 8 KiB.
    pub const LEAST_HEAD: usize = 8 << 10;

    /// Bytes of a head; hyper takes no smaller limit.
    pub(crate) fn head_bytes(&self) -> usize {
        self.head_bytes.max(Self::LEAST_HEAD)
    }

    /// The least pace of a stream.
    pub(crate) fn pace(&self) -> LeastPace {
        LeastPace {
            pause: self.body,
            rate: self.least_rate,
        }
    }

    /// Bytes of a batch; what is longer has no place in the tables of its rows.
    pub(crate) fn batch(&self) -> usize {
        self.batch_bytes.min(u32::MAX as usize - 1)
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: non_zero(10_000),
            requests: non_zero(1_024),
            rate: None,
            head: Duration::from_secs(10),
            head_bytes: 16 << 10,
            keep_alive: Duration::from_secs(75),
            body: Duration::from_secs(30),
            least_rate: 1_024,
            body_memory: 128 << 20,
            batch_bytes: 64 << 20,
            batch_rows: 100_000,
            recourse_rows: 1_000,
        }
    }
}

const fn non_zero(n: usize) -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(n - 1)
}
