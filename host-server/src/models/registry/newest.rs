//! The newest version that can answer without a client having to change.

use std::sync::Arc;

use super::names::check_successor;
use super::served::Served;
use super::version::Version;

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

    /// The one that a server would serve that took `versions`, oldest first, one after the other:
    /// nobody answers yet who could say what clients send.
    pub(super) fn in_turn(versions: &[&Arc<Version>]) -> Self {
        let mut newest = Self::default();
        for next in versions {
            let before = newest.version.as_ref();
            let fits =
                before.map(|before| check_successor(before.description(), next.description()));
            match fits {
                Some(Err(reason)) => newest.left_out.push(reason),
                Some(Ok(())) | None => newest = Self::of_all(&[next]),
            }
        }
        newest
    }

    /// The last of `versions`, oldest first, that can take the place of the one that answers.
    pub(super) fn after(champion: &Served, versions: &[&Arc<Version>]) -> Self {
        let mut left_out = Vec::new();
        for next in versions.iter().rev() {
            match check_successor(champion.description(), next.description()) {
                Ok(()) => {
                    let version = Some(Arc::clone(next));
                    return Self { version, left_out };
                }
                Err(reason) => left_out.push(reason),
            }
        }
        Self {
            version: None,
            left_out,
        }
    }
}
