//! What answers requests for one model now.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::affinity::Affinity;
use super::deployment::Mode;
use super::folder::order;
use super::loading::Loading;
use super::served::Served;
use super::shadow::Shadow;
use super::version::{Version, has_room, unload_oldest};
use crate::host::LoadError;
use crate::models::drift::{End, Monitor, NotMonitored};

/// What answers now.
pub(crate) struct Live {
    pub(crate) champion: Arc<Served>,
    pub(super) versions: BTreeMap<String, Arc<Version>>,
    pub(super) challenger: Option<Challenger>,
    /// Digests of files that somebody rolled back from.
    pub(super) rolled_back: Vec<[u8; 32]>,
    /// The versions in their order: anybody may ask for them.
    sorted: OnceLock<Vec<Arc<Version>>>,
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
        /// The field of a request that says whose it is.
        field: Option<String>,
    },
}

impl Live {
    pub(super) fn new(
        champion: Arc<Served>,
        versions: BTreeMap<String, Arc<Version>>,
        challenger: Option<Challenger>,
    ) -> Self {
        Self {
            champion,
            versions,
            challenger,
            rolled_back: Vec::new(),
            sorted: OnceLock::new(),
        }
    }

    pub(super) fn alone(served: Arc<Served>) -> Self {
        let version = Version::new(Arc::clone(&served), None);
        let versions = [(served.version().to_owned(), version)].into();
        Self::new(served, versions, None)
    }

    /// Who answers a request: the champion, or the canary for its share.
    pub(crate) fn pick(&self, affinity: Affinity<'_>) -> &Arc<Served> {
        match &self.challenger {
            Some(Challenger::Canary {
                served,
                share,
                turn,
                field,
            }) => {
                if let Some(position) = affinity.position(field.as_deref(), served.version()) {
                    return if position < *share {
                        served
                    } else {
                        &self.champion
                    };
                }
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

    /// The drift window to show of a version, or why there is none: of its answers to copies
    /// where it is in the shadow, else of its own requests.
    pub(crate) fn drift(&self, served: &Arc<Served>) -> Result<Arc<Monitor>, NotMonitored> {
        let is_same = |shadow: &&Shadow| Arc::ptr_eq(shadow.served(), served);
        let drift = match self.shadow().filter(is_same) {
            Some(shadow) => shadow.drift(),
            None => served.drift(),
        };
        drift.cloned().map_err(Clone::clone)
    }

    /// Brings the gauges of all that serves up to date.
    pub(crate) fn measure(&self) {
        for served in self.loaded() {
            served.measure();
            let shown = self.drift(&served);
            if let Ok(own) = served.drift()
                && shown.as_ref().is_ok_and(|shown| !Arc::ptr_eq(shown, own))
            {
                own.hide();
            }
            if let Ok(shown) = shown {
                shown.measure();
            }
        }
    }

    /// Writes the drift windows to the disk, where there is a folder for them.
    pub(crate) fn keep_drift(&self, end: End) {
        let loaded = self.loaded();
        let own = loaded.iter().filter_map(|served| served.drift().ok());
        let of_shadow = self.shadow().and_then(|shadow| shadow.drift().ok());
        own.chain(of_shadow).for_each(|monitor| monitor.save(end));
    }

    pub(crate) fn version(&self, version: &str) -> Option<&Arc<Version>> {
        self.versions.get(version)
    }

    /// What serves a version, which is loaded if needed; another one may make room for it.
    ///
    /// # Errors
    /// As [`Version::load`].
    pub(super) fn load(
        &self,
        version: &Version,
        loading: &Loading,
    ) -> Result<Arc<Served>, LoadError> {
        let served = version.load(loading)?;
        unload_oldest(self.versions.values(), loading.loaded_versions.get());
        Ok(served)
    }

    /// Whether a version is in memory, or may be loaded beside those that are.
    pub(super) fn has_room(&self, version: &Version, loading: &Loading) -> bool {
        version.is_in_memory() || has_room(self.versions.values(), loading.loaded_versions.get())
    }

    /// What serves now, of all versions.
    pub(crate) fn loaded(&self) -> Vec<Arc<Served>> {
        let versions = self.versions.values();
        versions.filter_map(|version| version.loaded()).collect()
    }

    /// All versions, oldest first.
    pub(crate) fn versions(&self) -> &[Arc<Version>] {
        self.sorted.get_or_init(|| {
            let mut versions: Vec<Arc<Version>> = self.versions.values().cloned().collect();
            versions.sort_by(|a, b| order(a.version(), b.version()));
            versions
        })
    }

    /// Whether who answers depends on a field of the request's body.
    pub(crate) fn reads_body(&self) -> bool {
        matches!(
            &self.challenger,
            Some(Challenger::Canary { field: Some(_), .. })
        )
    }
}
