//! `deployment.toml` beside a model's versions: which one answers, and who challenges it.

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

impl Deployment {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let deployment: Self = toml::from_str(text)
            .map_err(|error| format!("deployment.toml: {}", error.to_string().trim_end()))?;
        if let Some(challenger) = &deployment.challenger
            && !(0.0..=100.0).contains(&challenger.percent)
        {
            return Err(format!(
                "deployment.toml: challenger.percent is {}, expected 0 to 100",
                challenger.percent
            ));
        }
        Ok(deployment)
    }
}
