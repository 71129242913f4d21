//! Where the models come from: a file, a folder or the Hugging Face Hub.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use host_server::{Fetched, ModelSource};
use model_client::RetryPolicy;
use model_hub::{
    DEFAULT_ENDPOINT, DEFAULT_REVISION, Hub, HubError, HubOptions, MODEL_FILE, RepoId,
};
use model_signing::SIGNATURE_FILE;

use super::args::Args;
use super::keys::{key, known};
use crate::hub;
use crate::secrets;
use crate::settings::Settings;
use crate::terminal;

/// Shorter than for publishing: a server that starts must not wait long.
const RETRY: RetryPolicy = RetryPolicy {
    idle: Duration::from_secs(5),
    total: Duration::from_secs(5 * 60),
    attempts: 2,
    backoff: Duration::from_millis(500),
};

/// The longest that a server waits for the Hub before it starts with the cached model.
const LONGEST_WITH_CACHED: Duration = Duration::from_secs(30);

/// The models to serve; nothing has been read yet.
pub(super) enum Source {
    File(PathBuf),
    Folder(PathBuf),
    Hub(HubModel),
}

/// A model repository and how to reach it.
pub(super) struct HubModel {
    repo: RepoId,
    revision: String,
    cache: PathBuf,
    options: HubOptions,
    /// Whether its signature is needed.
    signed: bool,
}

/// Reads which source is set; `None` when none is.
/// Of a model on the Hub, its signature as well if models must be signed.
pub(super) fn read(args: &Args, from: &mut Settings, signed: bool) -> Result<Option<Source>> {
    let file = from.path(key("model"), args.model.clone())?;
    let folder = from.path(key("models"), args.models.clone())?;
    let repo: Option<String> =
        from.optional(known("from-hub", "HF_MODEL_REPO"), args.from_hub.clone())?;
    let chosen = from.choose(&["model", "models", "from-hub"])?;
    let revision = key("revision");
    let revision = from.or(revision, args.revision.clone(), DEFAULT_REVISION.to_owned())?;
    let endpoint = known("hub-endpoint", "HF_ENDPOINT");
    let endpoint = from.or(
        endpoint,
        args.hub_endpoint.clone(),
        DEFAULT_ENDPOINT.to_owned(),
    )?;
    let token_file = from.path(key("hub-token-file"), args.hub_token_file.clone())?;
    let cache = from.path(key("hub-cache"), args.hub_cache.clone())?;
    Ok(match (chosen, file, folder, repo) {
        (Some("model"), Some(file), ..) => Some(Source::File(file)),
        (Some("models"), _, Some(folder), _) => Some(Source::Folder(folder)),
        (Some(_), _, _, Some(repo)) => Some(Source::Hub(HubModel {
            repo: repo.parse()?,
            revision,
            cache: hub::cache(cache)?,
            signed,
            options: HubOptions {
                endpoint,
                token: secrets::read(token_file.as_deref(), "HF_TOKEN")?,
                retry: RETRY,
                ..HubOptions::default()
            },
        })),
        _ => None,
    })
}

impl Source {
    /// The server's model source; fetches a model on the Hub.
    pub(super) fn open(self) -> Result<ModelSource> {
        Ok(match self {
            Self::File(path) => ModelSource::File(path),
            Self::Folder(path) => ModelSource::Folder(path),
            Self::Hub(model) => ModelSource::Fetched(model.fetch()?),
        })
    }
}

impl HubModel {
    /// Fetches the newest file. When the Hub does not answer, uses the cached one and warns.
    fn fetch(self) -> Result<Fetched> {
        let fetched = self.newest(&self.options_at_start()?)?;
        if let Some(why) = &fetched.offline {
            let mut stderr = terminal::stderr();
            writeln!(
                stderr,
                "warning: {why}; serving the cached model (commit {})",
                fetched.commit
            )?;
        }
        Ok(Fetched {
            path: fetched.path,
            again: Arc::new(move || {
                let fetched = self.newest(&self.options);
                let fetched = fetched.map_err(|error| error.to_string())?;
                match fetched.offline {
                    None => Ok(fetched.path),
                    Some(why) => Err(why),
                }
            }),
        })
    }

    /// A Hub that is slow does not keep a server from starting that has a model in the cache.
    fn options_at_start(&self) -> Result<HubOptions, HubError> {
        let hub = Hub::new(&self.options);
        let cached = hub.cached(&self.repo, MODEL_FILE, &self.revision, &self.cache)?;
        let mut options = self.options.clone();
        if cached.is_some() {
            options.retry.total = options.retry.total.min(LONGEST_WITH_CACHED);
        }
        Ok(options)
    }

    fn newest(&self, options: &HubOptions) -> Result<model_hub::Fetched, HubError> {
        // It goes beside the model; the check of signatures says so if there is none.
        let beside: &[&str] = if self.signed { &[SIGNATURE_FILE] } else { &[] };
        let hub = Hub::new(options);
        hub.fetch_with(&self.repo, MODEL_FILE, beside, &self.revision, &self.cache)
    }
}
