//! The Hugging Face Hub from flags and the environment.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;
use model_hub::{DEFAULT_ENDPOINT, Fetched, Hub, HubError, HubOptions, RepoId};

use crate::secrets;

/// Which Hub, and as whom.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct HubArgs {
    /// Address of the Hub.
    #[arg(long, env = "HF_ENDPOINT", hide_env_values = true, value_name = "URL", default_value = DEFAULT_ENDPOINT)]
    endpoint: String,
    /// File with the Hub's token [default: the environment variable HF_TOKEN].
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl HubArgs {
    /// The settings of the Hub's client.
    pub(crate) fn options(&self) -> Result<HubOptions> {
        Ok(HubOptions {
            endpoint: self.endpoint.clone(),
            token: secrets::read(self.token_file.as_deref(), "HF_TOKEN")?,
            ..HubOptions::default()
        })
    }
}

/// The folder for downloaded models: `underwrite/hub` in the user's cache folder.
pub(crate) fn default_cache() -> PathBuf {
    let given = ["UNDERWRITE_CACHE", "XDG_CACHE_HOME"]
        .iter()
        .find_map(env::var_os);
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache");
    given
        .map_or_else(home, PathBuf::from)
        .join("underwrite/hub")
}

/// A file of a repository at a commit; `None` where it has no such file, or none is in the cache
/// while the Hub does not answer.
pub(crate) fn find(
    hub: &Hub,
    repo: &RepoId,
    file: &str,
    commit: &str,
    cache: &Path,
) -> Result<Option<Fetched>, HubError> {
    match hub.fetch(repo, file, commit, cache) {
        Ok(fetched) => Ok(Some(fetched)),
        Err(HubError::NotFound { .. } | HubError::NotCached { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}
