//! `deployment.toml` beside a model's versions: which one answers, and which challenges it.

use serde::Deserialize;

/// The file. Without it the newest version answers alone.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deployment {
    /// The version that answers; default: the newest that is not the challenger.
    pub(super) version: Option<String>,
    /// A version beside it.
    pub(super) challenger: Option<Challenger>,
}

/// `[challenger]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Challenger {
    /// Which version.
    pub(super) version: String,
    /// What it gets.
    #[serde(default)]
    pub(super) mode: Mode,
    /// In mode `canary`: the share of requests it answers, in percent, 0 to 100.
    #[serde(default)]
    pub(super) percent: f64,
}

/// What a challenger gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// A copy of each request; its answers are compared and counted, never returned.
    #[default]
    Shadow,
    /// A share of the requests, which it answers.
    Canary,
}

/// Why a `deployment.toml` is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeploymentError {
    #[error("deployment.toml cannot be read: {0}")]
    Read(String),
    #[error("deployment.toml: {}", .0.to_string().trim_end())]
    Syntax(#[from] Box<toml::de::Error>),
    #[error("deployment.toml: challenger.percent is {0}, expected 0 to 100")]
    Percent(f64),
    #[error("deployment.toml names version {0}, which does not exist or was refused")]
    NoSuchVersion(String),
}

impl Deployment {
    pub(super) fn parse(text: &str) -> Result<Self, DeploymentError> {
        let deployment: Self = toml::from_str(text).map_err(Box::new)?;
        if let Some(challenger) = &deployment.challenger
            && !(0.0..=100.0).contains(&challenger.percent)
        {
            return Err(DeploymentError::Percent(challenger.percent));
        }
        Ok(deployment)
    }
}
