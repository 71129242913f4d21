//! Clients that only want an answer, and note how long it took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::client::Client;

/// Time between two requests of a probe.
const PAUSE: Duration = Duration::from_millis(2);

/// A client that asks again and again until it is ended.
#[derive(Debug)]
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Latencies>,
}

/// What a probe saw.
#[derive(Debug, Default)]
pub struct Latencies {
    times: Vec<Duration>,
    /// Answers with another status than was expected, and requests without one.
    pub failed: u64,
}

impl Probe {
    /// Asks on one connection, which is opened anew when it breaks.
    #[must_use]
    pub fn start(address: &str, method: &'static str, path: &'static str, body: &[u8]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, address, body) = (Arc::clone(&stop), address.to_owned(), body.to_vec());
        let thread = std::thread::spawn(move || {
            let mut seen = Latencies::default();
            let mut client = None;
            while !stopped.load(Ordering::Relaxed) {
                let begun = Instant::now();
                if client.is_none() {
                    client = Client::new(&address).ok();
                }
                let status = client
                    .as_mut()
                    .map(|client| client.ask(method, path, &body));
                seen.times.push(begun.elapsed());
                match status {
                    Some(Ok(200)) => {}
                    Some(Ok(_)) => seen.failed += 1,
                    Some(Err(_)) | None => {
                        seen.failed += 1;
                        client = None;
                    }
                }
                std::thread::sleep(PAUSE);
            }
            seen
        });
        Self { stop, thread }
    }

    /// Ends it.
    #[must_use]
    pub fn end(self) -> Latencies {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

impl Latencies {
    /// How many requests there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// The time that this share of the requests took at most, 0 to 1.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = (times.len() as f64 * share) as usize;
        times
            .get(at.min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}
