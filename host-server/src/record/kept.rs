//! Models that are no longer loaded, from their files beside the log: each still says of its own
//! decisions why they came out as they did.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use model_log::{Digest, Reader};

use crate::host::{LoadError, ModelHost};
use crate::models::registry::Stamp;

/// A model from its file beside the log.
pub(crate) struct KeptModel {
    file_sha256: [u8; 32],
    pub(crate) host: ModelHost,
}

/// Of these models, the one that was asked for last is loaded.
#[derive(Default)]
pub(super) struct KeptModels {
    last: ArcSwapOption<KeptModel>,
    /// One thread loads, others wait.
    loading: Mutex<()>,
    /// Files that could not be loaded, as they were then; `None` where there was none. The
    /// server's log says so once for each.
    failed: Mutex<HashMap<[u8; 32], Failed>>,
}

/// A file that could not be loaded.
struct Failed {
    stamp: Option<Stamp>,
    at: Instant,
}

/// After this a file is tried again that is still the same: it may have failed for a reason that has
/// passed, such as a lack of memory.
const AGAIN: Duration = Duration::from_secs(60);

impl KeptModels {
    /// The model of this file, if it is loaded.
    pub(super) fn loaded(&self, file: &[u8; 32]) -> Option<Arc<KeptModel>> {
        let last = self.last.load_full();
        last.filter(|last| last.file_sha256 == *file)
    }

    /// The model of this file, which takes the place of the one before; `None` where the file is
    /// gone, damaged or refused. What was refused is tried again where the file has changed, or
    /// after a minute, since that takes as long as a model that is loaded. Blocks.
    pub(super) fn load(
        &self,
        reader: &Reader,
        file: &[u8; 32],
        open: impl FnOnce(Vec<u8>) -> Result<ModelHost, LoadError>,
    ) -> Option<Arc<KeptModel>> {
        let _one = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = self.loaded(file) {
            return Some(model);
        }
        let digest = Digest(*file);
        // Before the file is read: what is changed after that has another stamp.
        let stamp = Stamp::read(&reader.model_path(digest), None);
        if self.has_failed(file, stamp.as_ref()) {
            return None;
        }
        // Its SHA-256 is that of the record, or it is not read.
        let bytes = reader.model(digest).map_err(|error| error.to_string());
        let host = bytes.and_then(|bytes| open(bytes).map_err(|error| error.to_string()));
        let host = host
            .inspect_err(|error| self.failed(file, stamp, error))
            .ok()?;
        let model = Arc::new(KeptModel {
            file_sha256: *file,
            host,
        });
        self.last.store(Some(Arc::clone(&model)));
        Some(model)
    }

    fn has_failed(&self, file: &[u8; 32], stamp: Option<&Stamp>) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let before = failed.get(file).filter(|one| one.at.elapsed() < AGAIN);
        let before = before.and_then(|one| one.stamp.as_ref());
        stamp.is_some_and(|stamp| stamp.is_unchanged(before))
    }

    fn failed(&self, file: &[u8; 32], stamp: Option<Stamp>, error: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Failed {
            stamp,
            at: Instant::now(),
        };
        if failed.insert(*file, now).is_none() {
            let file_sha256 = Digest(*file).to_string();
            tracing::warn!(
                file_sha256,
                error,
                "model of past decisions not loaded: officers see them without its reasons and rules' texts, unless its file changes or loads at a later look"
            );
        }
    }
}
