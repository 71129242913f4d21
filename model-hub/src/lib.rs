//! The Hugging Face Hub: repositories of models that `underwrite publish` writes, and `pull`
//! and `serve --from-hub` read.
//!
//! [`Hub::publish`] puts files into a repository in one commit; [`Hub::fetch`] downloads a file
//! through a cache that also works while the Hub does not answer. The Hub's HTTP API is spoken
//! directly; large files go by Git LFS (`basic` transfer), which the Hub accepts beside Xet.
//!
//! # Example
//!
//! ```
//! use model_hub::{Hub, HubError, HubOptions, MODEL_FILE, RepoId};
//!
//! let repo: RepoId = "acme/loan-approval".parse()?;
//! // Nothing listens on port 1, and the cache is empty.
//! let hub = Hub::new(&HubOptions {
//!     endpoint: "http://127.0.0.1:1".to_owned(),
//!     ..HubOptions::default()
//! });
//! let cache = tempfile::tempdir()?;
//! let error = hub.fetch(&repo, MODEL_FILE, "main", cache.path()).unwrap_err();
//! assert!(matches!(error, HubError::NotCached { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cache;
mod download;
mod error;
mod hub;
mod prepared;
mod repo;
mod upload;

pub use cache::Fetched;
pub use error::HubError;
pub use hub::{DEFAULT_ENDPOINT, DEFAULT_MAX_BYTES, DEFAULT_REVISION, Hub, HubOptions, MODEL_FILE};
pub use prepared::{MAX_FILES, MAX_TOTAL_BYTES};
pub use repo::RepoId;
pub use upload::{FileToPublish, Publication, Published};
