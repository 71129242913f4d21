//! The Hugging Face Hub: a repository of models that `publish` writes and `pull` reads.
//!
//! Spoken over its HTTP API. Large files go by Git LFS (`basic` transfer), which the Hub takes
//! beside its newer Xet.

mod download;
mod upload;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::disk;
use crate::folder::RunError;
use crate::http::{Answer, Call, Client, Content, Credentials, Patience, Secret, encode};
use crate::tracker::TrackError;

pub use upload::{FileToPublish, Publication, Published};

/// The Hub's own address.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
/// What a model is called in its repository.
pub const MODEL_FILE: &str = "model.wasm";
/// The revision where none is given.
pub const DEFAULT_REVISION: &str = "main";

const ADVICE: &str =
    "set HF_TOKEN to a token that may do this (https://huggingface.co/settings/tokens)";

/// What the client needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// `HF_ENDPOINT`.
    pub endpoint: String,
    /// `HF_TOKEN`; public models are read without.
    pub token: Option<Secret>,
    /// How long the Hub is waited for.
    pub patience: Patience,
}

/// `OWNER/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoId {
    owner: String,
    name: String,
}

impl FromStr for RepoId {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        let part = |part: &str| {
            let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
            let fine = part.chars().all(fine) && edge(part.chars().next());
            fine && edge(part.chars().next_back()) && part.len() <= 96 && !part.contains("..")
        };
        match text.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => Ok(Self {
                owner: owner.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(HubError::Repo(text.to_owned())),
        }
    }
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is, in the cache.
    pub path: PathBuf,
    /// The commit that it is of, 40 hexadecimal digits.
    pub commit: String,
    /// Of the file.
    pub sha256: String,
    /// Why the Hub could not be asked, where the file is what the cache had.
    pub offline: Option<String>,
}

/// Why a file was not published or fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Not a repository's name.
    #[error("repository '{0}': expected OWNER/NAME, of letters, digits, '-', '_' and '.'")]
    Repo(String),
    /// The Hub has no such thing.
    #[error("{what} is not on {endpoint}: check the name and the revision{hint}")]
    NotFound {
        /// Repository, revision or file.
        what: String,
        /// The Hub's address.
        endpoint: String,
        /// What else it could be.
        hint: &'static str,
    },
    /// What came is not what was announced.
    #[error("{}: expected {expected}, got {came}: fetch it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Digest or length.
        expected: String,
        /// The same of what came.
        came: String,
    },
    /// The Hub does not answer, and the cache has no such file.
    #[error("{error}; and {} is not in the cache ({})", what, cache.display())]
    NotCached {
        /// Why the Hub could not be asked.
        error: Box<TrackError>,
        /// Repository, revision and file.
        what: String,
        /// The folder that was looked in.
        cache: PathBuf,
    },
    /// The conversation, or a file of ours.
    #[error(transparent)]
    Conversation(#[from] TrackError),
}

impl From<RunError> for HubError {
    fn from(error: RunError) -> Self {
        Self::Conversation(error.into())
    }
}

/// The Hub.
pub struct Hub {
    client: Client,
    has_token: bool,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("endpoint", &self.client.base())
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// Nothing is sent yet; `patience.total` counts from here.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let endpoint = options.endpoint.trim().trim_end_matches('/');
        let token = options.token.clone().filter(|token| !token.is_empty());
        let has_token = token.is_some();
        let credentials = token.map_or(Credentials::None, Credentials::Bearer);
        let client = Client::new(
            "the Hugging Face Hub",
            endpoint,
            credentials,
            ADVICE,
            options.patience,
        );
        Self { client, has_token }
    }

    /// The address of a repository's page.
    #[must_use]
    pub fn page(&self, repo: &RepoId) -> String {
        format!("{}/{repo}", self.client.base())
    }

    fn api(&self, path: &str) -> String {
        format!("{}/api/{path}", self.client.base())
    }

    fn call<'c>(&self, method: &'static str, url: String, content: Content<'c>) -> Call<'c> {
        Call::new(method, url, content)
    }

    /// A refusal, in the terms of repositories.
    fn refusal(&self, answer: &Answer, what: String) -> HubError {
        let code = answer.header("X-Error-Code").unwrap_or_default();
        if answer.status == 404 || (code == "RepoNotFound" && self.has_token) {
            let hint = match self.has_token {
                true => "",
                false => ", or set HF_TOKEN if the repository is private",
            };
            return HubError::NotFound {
                what,
                endpoint: self.client.base().to_owned(),
                hint,
            };
        }
        self.client.refusal(answer).into()
    }
}

/// The newest `model.wasm` of a repository's revision, in `cache`: what a server starts with.
///
/// # Errors
/// As [`Hub::fetch`].
pub fn fetch(
    options: &Options,
    repo: &RepoId,
    revision: &str,
    cache: &Path,
) -> Result<Fetched, HubError> {
    Hub::new(options).fetch(repo, MODEL_FILE, revision, cache)
}

/// A revision in an address.
fn in_path(revision: &str) -> String {
    encode(revision)
}

fn reading(path: &Path) -> impl FnOnce(std::io::Error) -> HubError {
    io_error("read", path)
}

fn writing(path: &Path) -> impl FnOnce(std::io::Error) -> HubError {
    io_error("write", path)
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> HubError {
    let path = path.to_owned();
    move |cause| HubError::from(RunError::Io { doing, path, cause })
}

fn sha256(path: &Path) -> Result<String, HubError> {
    disk::sha256(path).map_err(reading(path))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_an_owner_and_a_name() {
        assert_eq!(
            "acme/loan-1.0".parse::<RepoId>().unwrap().to_string(),
            "acme/loan-1.0"
        );
        for bad in [
            "", "loan", "a/b/c", "/b", "a/", "../b", "a/..", "a b/c", "a/-b", "a/b?",
        ] {
            assert!(bad.parse::<RepoId>().is_err(), "{bad}");
        }
    }
}
