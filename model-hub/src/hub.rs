//! The client of the Hub.

use std::fmt;

use model_client::{
    Client, Credentials, Response, RetryPolicy, Secret, shown_url, split_credentials,
};

use crate::error::HubError;
use crate::repo::RepoId;

/// The Hub's own address.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
/// The name of a model in its repository.
pub const MODEL_FILE: &str = "model.wasm";
/// The longest file that is fetched where nothing else is said: no model is as long.
pub const DEFAULT_MAX_BYTES: u64 = 1 << 30;
/// The revision where none is given.
pub const DEFAULT_REVISION: &str = "main";

const ADVICE: &str =
    "set HF_TOKEN to a token that may do this (https://huggingface.co/settings/tokens)";

/// Which Hub, and as whom.
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// The address (`HF_ENDPOINT`); default [`DEFAULT_ENDPOINT`]. User and password in it are
    /// sent where there is no token, and never shown; a query is left out.
    pub endpoint: String,
    /// The token (`HF_TOKEN`); public models are read without one.
    pub token: Option<Secret>,
    /// How long the Hub is waited for.
    pub retry: RetryPolicy,
    /// The longest file that is fetched, in bytes, whatever is announced; default
    /// [`DEFAULT_MAX_BYTES`].
    pub max_bytes: u64,
}

impl Default for HubOptions {
    fn default() -> Self {
        Self {
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            token: None,
            retry: RetryPolicy::default(),
            max_bytes: DEFAULT_MAX_BYTES,
        }
    }
}

/// The Hub.
pub struct Hub {
    pub(crate) client: Client,
    pub(crate) max_bytes: u64,
    has_token: bool,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("endpoint", &shown_url(self.client.base()))
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// Nothing is sent yet; `retry.total` counts from here.
    #[must_use]
    pub fn new(options: &HubOptions) -> Self {
        // Paths are appended: a query has no place in it, may be a secret, and is left out.
        let (endpoint, login) = split_credentials(&options.endpoint);
        let token = options.token.clone().filter(|token| !token.is_empty());
        let has_token = token.is_some();
        let credentials = token.map(Credentials::Bearer).or(login);
        let credentials = credentials.unwrap_or(Credentials::None);
        let client = Client::new(
            "the Hugging Face Hub",
            &endpoint,
            credentials,
            ADVICE,
            options.retry,
        );
        Self {
            client,
            max_bytes: options.max_bytes,
            has_token,
        }
    }

    /// The address of a repository's page.
    #[must_use]
    pub fn page(&self, repo: &RepoId) -> String {
        format!("{}/{repo}", self.client.base())
    }

    pub(crate) fn api(&self, path: &str) -> String {
        format!("{}/api/{path}", self.client.base())
    }

    /// The error of a status of 400 and more; `what` was asked for.
    pub(crate) fn refusal(&self, response: &Response, what: String) -> HubError {
        let code = response.header("X-Error-Code").unwrap_or_default();
        if response.status == 404 || (code == "RepoNotFound" && self.has_token) {
            let hint = if self.has_token {
                ""
            } else {
                ", or set HF_TOKEN if the repository is private"
            };
            return HubError::NotFound {
                what,
                endpoint: shown_url(self.client.base()),
                hint,
            };
        }
        self.client.refusal(response).into()
    }
}
