//! Weights & Biases: the service itself, and a run folder that the official `wandb sync` sends.

mod artifact;
mod content;
mod datastore;
mod offline;
mod online;
mod proto;

use model_client::{RetryPolicy, Secret};

use crate::folder::RunFolder;
use crate::run::Pushed;
use crate::tracker::{TrackError, Tracker};

/// The project where none is given.
pub const DEFAULT_PROJECT: &str = "loan-approval-mlops";
/// The service's own address.
pub const DEFAULT_BASE_URL: &str = "https://api.wandb.ai";

/// The service, over HTTP.
#[derive(Debug)]
pub struct Wandb {
    options: Options,
}

/// Which service, as whom, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// `WANDB_BASE_URL`.
    pub base_url: String,
    /// `WANDB_API_KEY`.
    pub api_key: Secret,
    /// `WANDB_ENTITY`: the user or team; by default the key's owner.
    pub entity: Option<String>,
    /// `WANDB_PROJECT`.
    pub project: String,
    /// An alias for the model's artifact, in addition to `latest`.
    pub alias: Option<String>,
    /// How long the service is waited for.
    pub retry: RetryPolicy,
}

impl Wandb {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options }
    }
}

impl Tracker for Wandb {
    fn name(&self) -> &str {
        "wandb"
    }

    fn push(&self, run: &RunFolder) -> Result<Pushed, TrackError> {
        online::push(&self.options, run)
    }
}

/// A run folder on the disk, for `wandb sync` to send.
#[derive(Debug)]
pub struct WandbOffline {
    /// `WANDB_PROJECT`.
    pub project: String,
    /// `WANDB_ENTITY`: the user or team; by default the key's owner.
    pub entity: Option<String>,
    /// An alias for the model's artifact, in addition to `latest`.
    pub alias: Option<String>,
}

impl Tracker for WandbOffline {
    fn name(&self) -> &str {
        "wandb-offline"
    }

    fn push(&self, run: &RunFolder) -> Result<Pushed, TrackError> {
        offline::write(self, run)
    }
}
