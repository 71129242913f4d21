//! What answers requests for one model now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::deployment::Mode;
use super::folder::order;
use super::served::Served;
use super::shadow::Shadow;

/// What answers now.
pub(crate) struct Live {
    pub(crate) champion: Arc<Served>,
    pub(super) versions: BTreeMap<String, Arc<Served>>,
    pub(super) challenger: Option<Challenger>,
}

/// Who is compared with the champion.
pub(super) enum Challenger {
    /// It gets a copy of each request.
    Shadow(Shadow),
    /// It answers a share of them.
    Canary {
        served: Arc<Served>,
        /// Its share of the requests, in 2^-32.
        share: u64,
        turn: AtomicU64,
    },
}

impl Live {
    pub(super) fn alone(served: Arc<Served>) -> Self {
        Self {
            versions: [(served.version().to_owned(), Arc::clone(&served))].into(),
            champion: served,
            challenger: None,
        }
    }

    /// Who answers the next request: the champion, or the canary for its share.
    pub(crate) fn pick(&self) -> &Arc<Served> {
        match &self.challenger {
            Some(Challenger::Canary {
                served,
                share,
                turn,
            }) => {
                // Evenly spread: `turn` sums up shares of 2^32, and each time the sum passes
                // a multiple of 2^32 the canary answers. Wrapping keeps that right.
                let before = turn.fetch_add(*share, Ordering::Relaxed);
                if (before.wrapping_add(*share) >> 32) != (before >> 32) {
                    served
                } else {
                    &self.champion
                }
            }
            _ => &self.champion,
        }
    }

    /// Who gets a copy of each request.
    pub(crate) fn shadow(&self) -> Option<&Shadow> {
        match &self.challenger {
            Some(Challenger::Shadow(shadow)) => Some(shadow),
            _ => None,
        }
    }

    /// The challenger and what it gets.
    pub(crate) fn challenger(&self) -> Option<(&Arc<Served>, Mode)> {
        match self.challenger.as_ref()? {
            Challenger::Shadow(shadow) => Some((shadow.served(), Mode::Shadow)),
            Challenger::Canary { served, .. } => Some((served, Mode::Canary)),
        }
    }

    pub(crate) fn version(&self, version: &str) -> Option<&Arc<Served>> {
        self.versions.get(version)
    }

    /// All versions, oldest first.
    pub(crate) fn versions(&self) -> Vec<&Arc<Served>> {
        let mut versions: Vec<&Arc<Served>> = self.versions.values().collect();
        versions.sort_by(|a, b| order(a.version(), b.version()));
        versions
    }
}
