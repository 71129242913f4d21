//! Where models come from.

use std::path::PathBuf;
use std::sync::Arc;

/// Where models come from.
#[derive(Debug, Clone)]
pub enum ModelSource {
    /// One `model.wasm`.
    File(PathBuf),
    /// A folder with `<name>/<version>/model.wasm`.
    Folder(PathBuf),
    /// One `model.wasm` from elsewhere.
    Fetched(Fetched),
}

/// A `model.wasm` that was fetched to a file.
#[derive(Clone)]
pub struct Fetched {
    /// The file.
    pub path: PathBuf,
    /// Fetches the newest one, for a reload; an error says why it cannot, and what is served
    /// goes on. It may block.
    pub again: Arc<dyn Fn() -> Result<PathBuf, String> + Send + Sync>,
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Fetched")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
