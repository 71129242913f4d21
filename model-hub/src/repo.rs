//! The name of a repository.

use std::fmt;
use std::str::FromStr;

use crate::error::HubError;

/// The most characters of an owner or a name.
const PART_MAX: usize = 96;

/// `OWNER/NAME`.
///
/// ```
/// use model_hub::RepoId;
///
/// let repo: RepoId = "acme/loan-1.0".parse()?;
/// assert_eq!(repo.to_string(), "acme/loan-1.0");
/// for bad in ["", "loan", "a/b/c", "/b", "a/", "../b", "a/..", "a b/c", "a/-b", "a/b?"] {
///     assert!(bad.parse::<RepoId>().is_err(), "{bad}");
/// }
/// # Ok::<(), model_hub::HubError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoId {
    pub(crate) owner: String,
    pub(crate) name: String,
}

impl FromStr for RepoId {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        match text.split_once('/') {
            Some((owner, name)) if is_valid(owner) && is_valid(name) => Ok(Self {
                owner: owner.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(HubError::Repo(text.to_owned())),
        }
    }
}

/// Whether a text can be an owner or a name: it becomes part of paths and addresses.
fn is_valid(part: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    part.chars().all(inner)
        && outer(part.chars().next())
        && outer(part.chars().next_back())
        && part.len() <= PART_MAX
        && !part.contains("..")
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}
