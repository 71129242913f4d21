//! `deployment.toml` beside a model's versions: which one answers, and which challenges it.

use std::io;
use std::path::Path;

use model_files::{read_small, write_whole};
use serde::Deserialize;

/// What the file is called.
pub(super) const FILE: &str = "deployment.toml";

/// The longest one, in bytes.
const LONGEST: u64 = 64 << 10;

/// The text of the one in this folder.
pub(super) fn text(folder: &Path) -> io::Result<String> {
    let bytes = read_small(&folder.join(FILE), LONGEST)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

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
    /// In mode `canary`: the field of a request by which the same version answers again, such as a
    /// customer's number. Default: the request's id.
    pub(super) sticky_by: Option<String>,
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
    #[error(
        "deployment.toml names version {0} as the challenger, which is the version that answers: remove the challenger, or name another"
    )]
    ChallengerIsChampion(String),
    #[error("{0}")]
    Load(String),
    #[error("deployment.toml: {0}, or name another version, since the next start serves this one")]
    Champion(String),
    #[error("deployment.toml: challenger: {0}")]
    Canary(String),
    #[error(
        "deployment.toml names version {0} as the challenger, and no other can answer: add one, or remove the challenger"
    )]
    NoChampion(String),
    #[error(
        "deployment.toml names version {0}, whose file is not loaded: it was rolled back, or replaced the file that was rolled back to; POST /models/NAME/reload loads it"
    )]
    RolledBack(String),
    #[error(
        "version {0} goes on after the rollback, which is not written down: change deployment.toml or send POST /models/NAME/reload to let another answer"
    )]
    Stays(String),
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

    /// Writes into the file of this folder that `version` answers, alone.
    ///
    /// # Errors
    /// When it cannot be written; then it is as it was.
    pub(super) fn pin(folder: &Path, version: &str) -> io::Result<()> {
        let path = folder.join(FILE);
        let text = match text(folder) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        write_whole(&path, pinned(&text, version).as_bytes())
    }
}

/// The line that makes a version answer.
pub(super) fn line(version: &str) -> String {
    format!("version = {}", toml::Value::from(version))
}

/// The file's text so that `version` answers alone: the challenger's lines become comments,
/// what else is there stays.
fn pinned(text: &str, version: &str) -> String {
    let mut lines = vec![line(version)];
    let mut in_table = false;
    for old in text.lines() {
        let code = old.trim_start();
        in_table |= code.starts_with('[');
        let is = |key: &str| {
            let value = code.strip_prefix(key).map(str::trim_start);
            value.is_some_and(|value| value.starts_with(['=', '.']))
        };
        match () {
            () if !in_table && is("version") => {}
            () if code.is_empty() || code.starts_with('#') => lines.push(old.to_owned()),
            () if in_table || is("challenger") => lines.push(format!("# rolled back: {old}")),
            () => lines.push(old.to_owned()),
        }
    }
    let text = lines.join("\n") + "\n";
    let expected = Deployment {
        version: Some(version.to_owned()),
        challenger: None,
    };
    match Deployment::parse(&text) {
        Ok(found) if found == expected => text,
        // It was written in a way that this does not know, or is damaged.
        _ => line(version) + "\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(pinned(text, "1.0.0"), expect);
    }

    #[test]
    fn a_rollback_is_written_and_the_rest_stays() {
        check("", "version = \"1.0.0\"\n");
        check(
            "# ours\nversion = '2.0.0' # since May\n",
            "version = \"1.0.0\"\n# ours\n",
        );
        check(
            "version = \"2\"\n\n[challenger]\n# new\nversion = \"3\"\nmode = \"canary\"\n",
            "version = \"1.0.0\"\n\n# rolled back: [challenger]\n# new\n# rolled back: version = \"3\"\n# rolled back: mode = \"canary\"\n",
        );
        check(
            "challenger = { version = \"3\" }",
            "version = \"1.0.0\"\n# rolled back: challenger = { version = \"3\" }\n",
        );
        check("[[[", "version = \"1.0.0\"\n# rolled back: [[[\n");
        for odd in ["version = \"\"\"\n2\"\"\"", "\"version\" = \"2\""] {
            check(odd, "version = \"1.0.0\"\n");
        }
    }
}
