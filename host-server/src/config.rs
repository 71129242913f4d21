//! What can be set: where to listen, and what a model may use.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// What `underwrite serve` takes.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The `model.wasm` to serve.
    pub model: PathBuf,
    /// Host name or address to listen on.
    pub host: String,
    /// TCP port to listen on; 0 lets the system choose one.
    pub port: u16,
    /// What the model may use.
    pub limits: Limits,
}

/// What a model may use before it is stopped.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Linear memory of one instance, in bytes. Default: 256 MiB.
    pub memory_bytes: usize,
    /// Wall time of one decision. Default: 1 s; a real one takes microseconds, so
    /// this only stops a module that hangs.
    pub decide: Duration,
    /// Wall time of loading a model into a new instance, and of one batch. Default: 10 s.
    pub load: Duration,
    /// Instances that exist at once, each with its own memory. Default: two for each
    /// processor. A call beyond that waits for one to come back.
    pub instances: NonZeroUsize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            decide: Duration::from_secs(1),
            load: Duration::from_secs(10),
            instances: processors().saturating_mul(TWO),
        }
    }
}

const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Processors this process may use, at least one.
pub(crate) fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
