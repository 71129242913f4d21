//! One model by name: its versions, its champion and its challenger.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;

use super::deployment::{Deployment, DeploymentError, Mode};
use super::folder::{Found, order};
use super::loading::Loading;
use super::outcome::Outcome;
use super::served::{FolderName, Served};
use super::shadow::Shadow;
use crate::models::metrics::{ModelMetricsSet, Reload};

/// A model by name.
pub(crate) struct Slot {
    name: String,
    live: ArcSwapOption<Live>,
    /// Touched only while models change.
    past: Mutex<Past>,
}

/// What answers now.
pub(crate) struct Live {
    pub(crate) champion: Arc<Served>,
    versions: BTreeMap<String, Arc<Served>>,
    challenger: Option<Challenger>,
}

enum Challenger {
    Shadow(Shadow),
    Canary {
        served: Arc<Served>,
        /// Its share of the requests, in 2^-32.
        share: u64,
        turn: AtomicU64,
    },
}

/// A version that the model's folder has, and what serves it already.
struct Known<'a> {
    version: &'a str,
    served: Option<Arc<Served>>,
}

/// What happened before.
#[derive(Default)]
struct Past {
    /// The previous champion.
    previous: Option<Arc<Served>>,
    /// Digests of files that were rolled back: not loaded again until an operator asks.
    rolled_back: Vec<[u8; 32]>,
    /// Digests of files that were refused, so that each is refused and counted once.
    refused: BTreeMap<PathBuf, [u8; 32]>,
}

impl Slot {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            live: ArcSwapOption::empty(),
            past: Mutex::default(),
        }
    }

    /// A model of one version.
    pub(crate) fn with(served: Arc<Served>) -> Self {
        let slot = Self::new(served.name().to_owned());
        slot.live.store(Some(Arc::new(Live::alone(served))));
        slot
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What answers now; `None` before the first version is loaded.
    pub(crate) fn live(&self) -> Option<Arc<Live>> {
        self.live.load_full()
    }

    /// Reads the one file again.
    pub(crate) fn reload_file(&self, path: &Path, forgive: bool, loading: &Loading) -> Outcome {
        let mut outcome = self.outcome();
        let mut past = self.past(forgive);
        let loaded = self.read(path, None, &mut past, loading, &mut outcome);
        if let Some(served) = loaded {
            self.promote(&mut past, Live::alone(served));
        }
        outcome.serving = self.serving();
        outcome
    }

    /// Records that no newer file could be fetched.
    pub(super) fn not_fetched(&self, reason: &str, metrics: &ModelMetricsSet) -> Outcome {
        let mut outcome = self.outcome();
        self.refuse(reason.to_owned(), metrics, &mut outcome);
        outcome.serving = self.serving();
        outcome
    }

    /// Reads a folder's versions again.
    pub(super) fn reload_versions(
        &self,
        found: &Found,
        forgive: bool,
        loading: &Loading,
    ) -> Outcome {
        let mut outcome = self.outcome();
        let mut past = self.past(forgive);
        let mut versions = BTreeMap::new();
        for (version, path) in &found.versions {
            let old = self
                .live()
                .and_then(|live| live.versions.get(version).cloned());
            let known = Some(Known {
                version,
                served: old.clone(),
            });
            let loaded = self.read(path, known, &mut past, loading, &mut outcome);
            if let Some(served) = loaded.or(old) {
                versions.insert(version.clone(), served);
            }
        }
        match self.arrange(found, versions, &past) {
            Ok(Some(live)) => self.promote(&mut past, live),
            Ok(None) => {}
            Err(reason) => self.refuse(reason.to_string(), &loading.metrics, &mut outcome),
        }
        outcome.serving = self.serving();
        outcome
    }

    /// Makes the previous champion answer again. `None` when there is none.
    pub(crate) fn roll_back(&self, metrics: &ModelMetricsSet) -> Option<Outcome> {
        let mut past = self.past(false);
        let previous = past.previous.take()?;
        let live = self.live()?;
        past.rolled_back.push(*live.champion.file_sha256());
        let mut versions = live.versions.clone();
        versions.insert(previous.version().to_owned(), Arc::clone(&previous));
        self.live.store(Some(Arc::new(Live {
            champion: previous,
            versions,
            challenger: None,
        })));
        metrics.reload(&self.name, Reload::rolled_back);
        let mut outcome = self.outcome();
        outcome.serving = self.serving();
        tracing::warn!(
            model = self.name,
            version = outcome.serving,
            "model rolled back"
        );
        Some(outcome)
    }

    /// Loads a file, if it is valid and not the one being served.
    fn read(
        &self,
        path: &Path,
        known: Option<Known<'_>>,
        past: &mut Past,
        loading: &Loading,
        outcome: &mut Outcome,
    ) -> Option<Arc<Served>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.refuse(
                    format!("{}: cannot be read: {error}", path.display()),
                    &loading.metrics,
                    outcome,
                );
                return None;
            }
        };
        let sha256: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(&bytes).into();
        let current = match &known {
            Some(known) => known.served.clone(),
            None => self.live().map(|live| Arc::clone(&live.champion)),
        };
        let unchanged = current.is_some_and(|served| *served.file_sha256() == sha256);
        let given_up = known.is_none() && past.rolled_back.contains(&sha256);
        if unchanged || given_up || past.refused.get(path) == Some(&sha256) {
            return None;
        }
        let named = known.map(|known| FolderName {
            name: &self.name,
            version: known.version,
        });
        match Served::load(bytes.into(), named, loading) {
            Ok(served) => {
                loading.metrics.reload(&self.name, Reload::loaded);
                tracing::info!(
                    model = self.name,
                    version = served.version(),
                    digest = served.description().model.digest,
                    "model loaded"
                );
                outcome.loaded.push(served.version().to_owned());
                Some(served)
            }
            Err(error) => {
                past.refused.insert(path.to_owned(), sha256);
                self.refuse(error.in_file(path).to_string(), &loading.metrics, outcome);
                None
            }
        }
    }

    fn refuse(&self, reason: String, metrics: &ModelMetricsSet, outcome: &mut Outcome) {
        metrics.reload(&self.name, Reload::refused);
        tracing::error!(
            model = self.name,
            reason,
            "reload refused; the loaded model stays in service"
        );
        outcome.refused.push(reason);
    }

    /// Who answers and who challenges, out of `versions`; `None` when there are none.
    fn arrange(
        &self,
        found: &Found,
        versions: BTreeMap<String, Arc<Served>>,
        past: &Past,
    ) -> Result<Option<Live>, DeploymentError> {
        let deployment = match &found.deployment {
            None => Deployment::default(),
            Some(Ok(text)) => Deployment::parse(text)?,
            Some(Err(error)) => return Err(DeploymentError::Read(error.to_string())),
        };
        let named = |version: &str| {
            versions
                .get(version)
                .cloned()
                .ok_or_else(|| DeploymentError::NoSuchVersion(version.to_owned()))
        };
        let challenger = deployment.challenger.as_ref();
        let newest = || {
            let mut candidates: Vec<&Arc<Served>> = versions
                .values()
                .filter(|served| challenger.is_none_or(|c| c.version != served.version()))
                .filter(|served| !past.rolled_back.contains(served.file_sha256()))
                .collect();
            candidates.sort_by(|a, b| order(a.version(), b.version()));
            candidates.last().map(|served| Arc::clone(served))
        };
        let champion = match &deployment.version {
            Some(version) => named(version)?,
            None => match newest() {
                Some(champion) => champion,
                None => return Ok(None),
            },
        };
        let challenger = match challenger {
            None => None,
            Some(wanted) => {
                let served = named(&wanted.version)?;
                Some(self.challenger(served, wanted.mode, wanted.percent))
            }
        };
        Ok(Some(Live {
            champion,
            versions,
            challenger,
        }))
    }

    /// The challenger. One that was already in the shadow keeps its queue.
    fn challenger(&self, served: Arc<Served>, mode: Mode, percent: f64) -> Challenger {
        if mode == Mode::Canary {
            return Challenger::Canary {
                served,
                share: (percent / 100.0 * (1_u64 << 32) as f64) as u64,
                turn: AtomicU64::new(0),
            };
        }
        match self.live().and_then(|live| live.shadow().cloned()) {
            Some(shadow) if Arc::ptr_eq(shadow.served(), &served) => Challenger::Shadow(shadow),
            _ => Challenger::Shadow(Shadow::start(served)),
        }
    }

    fn promote(&self, past: &mut Past, live: Live) {
        let before = self.live().map(|live| Arc::clone(&live.champion));
        if let Some(before) = before
            && !Arc::ptr_eq(&before, &live.champion)
        {
            past.previous = Some(before);
        }
        self.live.store(Some(Arc::new(live)));
    }

    /// Locks what happened before. `forgive` forgets what was rolled back or refused.
    fn past(&self, forgive: bool) -> MutexGuard<'_, Past> {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if forgive {
            past.rolled_back.clear();
            past.refused.clear();
        }
        past
    }

    fn serving(&self) -> Option<String> {
        self.live().map(|live| live.champion.version().to_owned())
    }

    fn outcome(&self) -> Outcome {
        Outcome {
            model: self.name.clone(),
            serving: None,
            loaded: Vec::new(),
            refused: Vec::new(),
        }
    }
}

impl Live {
    fn alone(served: Arc<Served>) -> Self {
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
