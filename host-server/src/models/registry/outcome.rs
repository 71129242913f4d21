//! What a reload did.

use std::time::Instant;

use serde::Serialize;

/// Why another version answers, or files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The server starts.
    Start,
    /// The system says that files changed.
    FilesChanged,
    /// A signal, which is sent for keys and certificates as well: what was refused is tried again.
    HungUp,
    /// Somebody asked for it: what was rolled back or refused is tried again.
    Asked,
    /// Somebody asked for the version before.
    RolledBack,
}

impl Cause {
    /// Whether files are read that look as they did.
    pub(super) fn is_asked(self) -> bool {
        matches!(self, Self::HungUp | Self::Asked)
    }

    /// As the log has it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::FilesChanged => "files changed",
            Self::HungUp | Self::Asked => "reload",
            Self::RolledBack => "rollback",
        }
    }
}

/// A change of what answers: why, and whose key asked for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) cause: Cause,
    /// The name of an admin key; `None` where nobody asked over HTTP.
    pub(crate) actor: Option<&'a str>,
    /// When: a rollback after that spoke last.
    pub(crate) at: Instant,
}

impl<'a> Change<'a> {
    pub(super) fn now(cause: Cause, actor: Option<&'a str>) -> Self {
        let at = Instant::now();
        Self { cause, actor, at }
    }
}

impl From<Cause> for Change<'_> {
    fn from(cause: Cause) -> Self {
        Self::now(cause, None)
    }
}

/// What a reload did to one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Outcome {
    pub(crate) model: String,
    /// The version that answers now.
    pub(crate) serving: Option<String>,
    /// Versions that were loaded.
    pub(crate) loaded: Vec<String>,
    /// Why files were refused.
    pub(crate) refused: Vec<String>,
    /// Of a rollback: whether it holds after a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lasting: Option<bool>,
    /// What to do so that it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}
