//! Deciders for several threads.

use std::sync::{Mutex, OnceLock};

use model_core::artifact::ArtifactError;
use model_core::decide::Decider;

/// Copies of a decider, made when they are wanted: a decider serves one thread, and its tables
/// take time to build.
#[derive(Default)]
pub(crate) struct Deciders {
    idle: Mutex<Vec<Decider>>,
    encoded: OnceLock<Vec<u8>>,
}

impl Deciders {
    /// What copies of `decider` are loaded from.
    pub(crate) fn of(&self, decider: &Decider) -> Result<&[u8], ArtifactError> {
        if self.encoded.get().is_none() {
            let encoded = decider.artifact().encode()?;
            return Ok(self.encoded.get_or_init(|| encoded));
        }
        Ok(self.encoded.get().map_or(&[], Vec::as_slice))
    }

    /// Lends a copy that is loaded from `encoded` if none is idle.
    pub(crate) fn with<R>(
        &self,
        encoded: &[u8],
        work: impl FnOnce(&mut Decider) -> R,
    ) -> Result<R, ArtifactError> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut decider = match idle {
            Some(decider) => decider,
            None => Decider::load(encoded)?,
        };
        let answer = work(&mut decider);
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(decider);
        }
        Ok(answer)
    }
}
