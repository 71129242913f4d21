//! What clients may use before they are rejected.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

/// What clients may use before they are rejected.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Concurrent connections; one more is answered 503 and closed. Default: 10,000.
    pub connections: NonZeroUsize,
    /// Concurrent requests; one more is answered 503. Default: 1,024.
    pub requests: NonZeroUsize,
    /// Requests per second for each key. Default: unlimited.
    pub rate: Option<NonZeroU32>,
    /// Timeout for a request's head, and for the next request on an open connection.
    /// Default: 10 s.
    pub head: Duration,
    /// Timeout for a request's body; for the next piece of a streamed one. Default: 30 s.
    pub body: Duration,
    /// The longest batch that is not streamed, in bytes. Default: 64 MiB.
    pub batch_bytes: usize,
    /// The most rows of a batch. Default: 100,000.
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

const fn non_zero(n: usize) -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(n - 1)
}
