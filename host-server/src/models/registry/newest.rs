//! The newest version that can answer without a client having to change.

use std::sync::Arc;

use super::names::check_successor;
use super::version::Version;
use crate::host::Description;

/// What was found among versions.
#[derive(Default)]
pub(super) struct Newest {
    /// The newest version that can answer.
    pub(super) version: Option<Arc<Version>>,
    /// Why each newer one cannot.
    pub(super) left_out: Vec<String>,
}

impl Newest {
    /// The last of `versions`, oldest first, whatever inputs it has.
    pub(super) fn of_all(versions: &[&Arc<Version>]) -> Self {
        Self {
            version: versions.last().map(|last| Arc::clone(last)),
            left_out: Vec::new(),
        }
    }

    /// The one that a server serves that takes `versions`, oldest first, one after the other, each
    /// if it can take the place of the one before. The `champion` comes before the first, where
    /// there is one: nobody else could say what clients send.
    pub(super) fn in_turn(champion: Option<&Description>, versions: &[&Arc<Version>]) -> Self {
        let mut newest = Self::default();
        for next in versions {
            let before = newest
                .version
                .as_ref()
                .map(|one| one.description().as_ref());
            let fits = before
                .or(champion)
                .map(|before| check_successor(before, next.description()));
            match fits {
                Some(Err(reason)) => newest.left_out.push(reason),
                Some(Ok(())) | None => newest = Self::of_all(&[next]),
            }
        }
        newest
    }
}

/// Why a start, which takes `versions`, oldest first, one after the other, does not come to this
/// one, if it does not.
pub(super) fn passed_over(version: &str, versions: &[&Arc<Version>]) -> Option<String> {
    let at = versions.iter().position(|one| one.version() == version)?;
    let until = versions.get(..=at)?;
    Newest::in_turn(None, until).left_out.pop()
}
