//! The Hugging Face Hub from flags and the environment.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;
use model_hub::{DEFAULT_ENDPOINT, HubOptions, MODEL_FILE};

use crate::{files, secrets};

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
    /// The file with the Hub's token, if one is named.
    pub(crate) fn token_file(&self) -> Option<&Path> {
        self.token_file.as_deref()
    }

    /// The settings of the Hub's client.
    pub(crate) fn options(&self) -> Result<HubOptions> {
        Ok(HubOptions {
            endpoint: self.endpoint.clone(),
            token: secrets::read(self.token_file.as_deref(), "HF_TOKEN")?,
            ..HubOptions::default()
        })
    }
}

/// The folder for downloaded models; none in a decision log.
pub(crate) fn cache(named: Option<PathBuf>) -> Result<PathBuf> {
    let cache = named.unwrap_or_else(default_cache);
    files::keep_out_of_logs(&cache.join(MODEL_FILE))?;
    Ok(cache)
}

/// `underwrite/hub` in the user's cache folder.
pub(crate) fn default_cache() -> PathBuf {
    let given = ["UNDERWRITE_CACHE", "XDG_CACHE_HOME"]
        .iter()
        .find_map(env::var_os);
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache");
    given
        .map_or_else(home, PathBuf::from)
        .join("underwrite/hub")
}
