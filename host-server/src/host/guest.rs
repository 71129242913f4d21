//! What the store of an instance keeps: its limits.

use wasmtime::{Engine, ResourceLimiter, Store, StoreLimits, StoreLimitsBuilder};

use super::engine::ticks;
use super::limits::Limits;

/// What a store keeps for its instance: the limits, and whether one was reached.
pub(super) struct Guest {
    limits: StoreLimits,
    memory_refused: bool,
}

impl Guest {
    /// Whether the module has asked for more memory than it may have.
    pub(super) fn was_refused_memory(&self) -> bool {
        self.memory_refused
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = self.limits.memory_growing(current, desired, maximum)?;
        self.memory_refused |= !allowed;
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }
}

/// A store with the limits of one instance; nothing runs in it yet.
pub(super) fn store(engine: &Engine, limits: &Limits) -> Store<Guest> {
    let guest = Guest {
        limits: StoreLimitsBuilder::new()
            .memory_size(limits.memory_bytes)
            .build(),
        memory_refused: false,
    };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| guest);
    store.set_epoch_deadline(ticks(limits.load));
    store
}
