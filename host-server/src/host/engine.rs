//! wasmtime's engine as this host configures it, and the clock that interrupts calls.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{Cache, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::limits::Limits;

/// One tick of the clock: the precision of a deadline.
const TICK: Duration = Duration::from_millis(10);

/// An engine for one model. Instances come from slots of memory that are reserved in advance,
/// so that a new one takes microseconds, and every loop checks the clock.
pub(crate) fn engine(limits: &Limits, cache: Option<Cache>) -> wasmtime::Result<Engine> {
    let instances = u32::try_from(limits.instances.get()).unwrap_or(u32::MAX);
    let mut slots = PoolingAllocationConfig::new();
    slots
        .total_core_instances(instances)
        .total_memories(instances)
        .total_tables(instances)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .max_memory_size(limits.memory_bytes);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(slots))
        .concurrency_support(false)
        .epoch_interruption(true)
        // Its results differ between processors, so a model may not use it
        // (docs/reference/module-abi.md).
        .wasm_relaxed_simd(false)
        // A trap is reported by its kind, without a position in the module: the tables that
        // would give one take more memory than the code.
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None)
        .cache(cache);
    Engine::new(&config)
}

/// Ticks after which a call that started now has run for at least `limit`.
pub(crate) fn ticks(limit: Duration) -> u64 {
    let whole = limit.as_nanos().div_ceil(TICK.as_nanos());
    u64::try_from(whole).unwrap_or(u64::MAX).saturating_add(1)
}

/// The thread that advances an engine's clock; dropping this ends it.
pub(crate) struct Clock {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let engine = engine.weak();
        let thread = std::thread::Builder::new()
            .name("model-clock".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => break,
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread only sleeps and counts: there is no failure to report.
            let _ = thread.join();
        }
    }
}
