//! One model by name: its versions, its champion and its challenger.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;

use super::deployment::{self, Deployment, DeploymentError, FILE, Mode, line};
use super::file::read_model;
use super::folder::{Found, MODEL, order};
use super::live::{Challenger, Live};
use super::loading::{Loading, Refused};
use super::names::{FolderName, check_successor};
use super::outcome::{Cause, Change, Outcome};
use super::served::Served;
use super::shadow::Shadow;
use super::source::Signer;
use super::version::{Stamp, Version, unload_oldest};
use crate::models::drift::Drift;
use crate::models::metrics::{ModelMetricsSet, Reload};

/// A model by name.
pub(crate) struct Slot {
    name: String,
    live: ArcSwapOption<Live>,
    /// Touched only while models change.
    past: Mutex<Past>,
}

/// A version that the model's folder has, and what is known of it already.
struct Known<'a> {
    version: &'a str,
    old: Option<Arc<Version>>,
}

/// The file that is loaded.
struct Current {
    file_sha256: [u8; 32],
    signer: Option<Signer>,
}

impl Current {
    fn version(version: &Arc<Version>) -> Self {
        Self {
            file_sha256: *version.file_sha256(),
            signer: version.signer().cloned(),
        }
    }

    fn served(served: &Arc<Served>) -> Self {
        Self {
            file_sha256: *served.file_sha256(),
            signer: served.signer().cloned(),
        }
    }
}

/// Of a file, and of its signature where one is needed and there.
type Digests = ([u8; 32], Option<[u8; 32]>);

/// What files are read for, and with what.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    change: Change<'a>,
    loading: &'a Loading,
}

/// What happened before.
#[derive(Default)]
struct Past {
    /// The previous champion.
    previous: Option<Arc<Served>>,
    /// Digests of files that were rolled back: not loaded again until an operator asks.
    rolled_back: Vec<[u8; 32]>,
    /// Digests of files that were refused, and of their signatures, so that each is refused and
    /// counted once.
    refused: BTreeMap<PathBuf, Digests>,
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
    pub(super) fn with(served: Arc<Served>, metrics: &ModelMetricsSet) -> Self {
        let slot = Self::new(served.name().to_owned());
        metrics.champion(&slot.name, None, Some(served.version()));
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
    pub(super) fn reload_file(
        &self,
        path: &Path,
        change: Change<'_>,
        loading: &Loading,
    ) -> Outcome {
        let mut outcome = self.outcome();
        let mut past = self.past(change.cause);
        let attempt = Attempt { change, loading };
        let loaded = self.read(path, None, &mut past, attempt, &mut outcome);
        if let Some(served) = loaded {
            self.take(&mut past, Live::alone(served), attempt, &mut outcome);
        }
        outcome.serving = self.serving();
        outcome
    }

    /// Records that no newer file could be fetched.
    pub(super) fn not_fetched(
        &self,
        reason: &str,
        change: Change<'_>,
        metrics: &ModelMetricsSet,
    ) -> Outcome {
        let mut outcome = self.outcome();
        self.refuse(reason.to_owned(), change, metrics, &mut outcome);
        outcome.serving = self.serving();
        outcome
    }

    /// Reads a folder's versions again.
    pub(super) fn reload_versions(
        &self,
        found: &Found,
        change: Change<'_>,
        loading: &Loading,
    ) -> Outcome {
        let mut outcome = self.outcome();
        let mut past = self.past(change.cause);
        let attempt = Attempt { change, loading };
        let mut versions = BTreeMap::new();
        for (version, path) in &found.versions {
            let old = self
                .live()
                .and_then(|live| live.versions.get(version).cloned());
            // Before the file is read: what is changed after that has another stamp.
            let stamp = Stamp::read(path, loading.signature_file());
            let is_as_checked = |old: &Arc<Version>| old.is_as_checked(stamp.as_ref());
            let checked = match &old {
                Some(old) if change.cause != Cause::Asked && is_as_checked(old) => None,
                _ => {
                    let known = Known {
                        version,
                        old: old.clone(),
                    };
                    self.read(path, Some(known), &mut past, attempt, &mut outcome)
                }
            };
            let checked = checked.map(|served| Version::new(served, stamp));
            if let Some(one) = checked.or(old) {
                versions.insert(version.clone(), one);
                unload_oldest(versions.values(), loading.loaded_versions.get());
            }
        }
        // A version whose folder is gone does not come back.
        past.previous
            .take_if(|previous| !versions.contains_key(previous.version()));
        match self.arrange(found, versions, &past, loading) {
            Ok(Some(live)) => self.take(&mut past, live, attempt, &mut outcome),
            Ok(None) => {}
            Err(reason) => {
                self.refuse(reason.to_string(), change, &loading.metrics, &mut outcome);
            }
        }
        self.settle(&past, loading.loaded_versions.get());
        outcome.serving = self.serving();
        outcome
    }

    /// Notes which versions have a part and so stay loaded, and lets go of others.
    fn settle(&self, past: &Past, most: usize) {
        let Some(live) = self.live() else { return };
        let challenger = live.challenger().map(|(served, _)| served.version());
        let previous = past.previous.as_ref().map(|served| served.version());
        for version in live.versions.values() {
            let name = version.version();
            let has_part = live.champion.version() == name
                || challenger == Some(name)
                || previous == Some(name);
            version.has_part.store(has_part, Ordering::Relaxed);
        }
        unload_oldest(live.versions.values(), most);
    }

    /// Lets the champion before answer again, and writes that into the model's `folder`, where
    /// it has one.
    pub(super) fn roll_back(
        &self,
        folder: Option<&Path>,
        actor: Option<&str>,
        metrics: &ModelMetricsSet,
    ) -> Result<Outcome, String> {
        let cause = Cause::RolledBack;
        let mut past = self.past(cause);
        let none = || format!("There is no version before to roll `{}` back to", self.name);
        let live = self.live().ok_or_else(none)?;
        let previous = past.previous.take().ok_or_else(none)?;
        if let Some(folder) = folder
            && !folder.join(previous.version()).join(MODEL).is_file()
        {
            return Err(format!(
                "The version before, {}, is gone: put its file back, and reload",
                previous.version()
            ));
        }
        past.rolled_back.push(*live.champion.file_sha256());
        let mut versions = live.versions.clone();
        let is_same = |version: &&Arc<Version>| version.file_sha256() == previous.file_sha256();
        if versions.get(previous.version()).filter(is_same).is_none() {
            let back = Version::new(Arc::clone(&previous), None);
            versions.insert(previous.version().to_owned(), back);
        }
        let mut outcome = self.outcome();
        let (lasting, advice) = lasting(folder, previous.version());
        (outcome.lasting, outcome.advice) = (Some(lasting), advice);
        let live = Live {
            champion: previous,
            versions,
            challenger: None,
        };
        self.promote(live, Change { cause, actor }, metrics);
        metrics.reload(&self.name, Reload::rolled_back);
        outcome.serving = self.serving();
        Ok(outcome)
    }

    /// Loads a file, if it is valid and not the one being served.
    fn read(
        &self,
        path: &Path,
        known: Option<Known<'_>>,
        past: &mut Past,
        Attempt { change, loading }: Attempt<'_>,
        outcome: &mut Outcome,
    ) -> Option<Arc<Served>> {
        let bytes = match read_model(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.refuse(error.to_string(), change, &loading.metrics, outcome);
                return None;
            }
        };
        let sha256: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(&bytes).into();
        let digests = (sha256, loading.signature(path));
        let given_up = known.is_none() && past.rolled_back.contains(&sha256);
        if given_up || past.refused.get(path) == Some(&digests) {
            return None;
        }
        let version = known.as_ref().map_or("", |known| known.version);
        let refuse = |because: String, past: &mut Past, outcome: &mut Outcome| {
            past.refused.insert(path.to_owned(), digests);
            loading.tell_refused(&Refused {
                name: &self.name,
                version,
                path,
                file_sha256: &sha256,
                because: &because,
            });
            self.refuse(because, change, &loading.metrics, outcome);
        };
        let current = match &known {
            Some(known) => known.old.as_ref().map(Current::version),
            None => self.live().map(|live| Current::served(&live.champion)),
        };
        if let Some(current) = current.filter(|current| current.file_sha256 == sha256) {
            match loading.signer(path, &sha256) {
                Ok(signer) if signer == current.signer => return None,
                // The same model, signed by somebody else.
                Ok(_) => {}
                Err(reason) => {
                    refuse(format!("{}: {reason}", path.display()), past, outcome);
                    return None;
                }
            }
        }
        let named = known.map(|known| FolderName {
            name: &self.name,
            version: known.version,
        });
        match Served::load(path, bytes, named, loading) {
            Ok(served) => {
                loading.metrics.reload(&self.name, Reload::loaded);
                tracing::info!(
                    model = self.name,
                    version = served.version(),
                    digest = served.description().model.digest,
                    signer = served.signer().map(|signer| signer.name.as_str()),
                    "model loaded"
                );
                outcome.loaded.push(served.version().to_owned());
                Some(served)
            }
            Err(error) => {
                refuse(error.in_file(path).to_string(), past, outcome);
                None
            }
        }
    }

    fn refuse(
        &self,
        reason: String,
        change: Change<'_>,
        metrics: &ModelMetricsSet,
        outcome: &mut Outcome,
    ) {
        metrics.reload(&self.name, Reload::refused);
        tracing::error!(
            model = self.name,
            serving = self.serving(),
            actor = change.actor,
            cause = change.cause.as_str(),
            reason,
            "reload refused; the loaded model stays in service"
        );
        outcome.refused.push(reason);
    }

    /// Who answers and who challenges, out of `versions`; `None` when there are none.
    fn arrange(
        &self,
        found: &Found,
        versions: BTreeMap<String, Arc<Version>>,
        past: &Past,
        loading: &Loading,
    ) -> Result<Option<Live>, DeploymentError> {
        let deployment = match &found.deployment {
            None => Deployment::default(),
            Some(Ok(text)) => Deployment::parse(text)?,
            Some(Err(error)) => return Err(DeploymentError::Read(error.to_string())),
        };
        let named = |version: &str| match versions.get(version) {
            None => Err(DeploymentError::NoSuchVersion(version.to_owned())),
            Some(served) if past.rolled_back.contains(served.file_sha256()) => {
                Err(DeploymentError::RolledBack(version.to_owned()))
            }
            Some(served) => Ok(Arc::clone(served)),
        };
        let challenger = deployment.challenger.as_ref();
        let load = |version: &Arc<Version>| {
            let loaded = version.load(loading);
            loaded.map_err(|error| DeploymentError::Load(error.to_string()))
        };
        let newest = || {
            let mut candidates: Vec<&Arc<Version>> = versions
                .values()
                .filter(|served| challenger.is_none_or(|c| c.version != served.version()))
                .filter(|served| !past.rolled_back.contains(served.file_sha256()))
                .collect();
            candidates.sort_by(|a, b| order(a.version(), b.version()));
            candidates.last().map(|served| Arc::clone(served))
        };
        let champion = match &deployment.version {
            Some(version) => load(&named(version)?)?,
            None => match newest() {
                Some(champion) => load(&champion)?,
                None => return Ok(None),
            },
        };
        let challenger = match challenger {
            None => None,
            Some(wanted) => {
                // A shadow answers nobody: it may be what was rolled back.
                let served = match (wanted.mode, versions.get(&wanted.version)) {
                    (Mode::Shadow, Some(served)) => Arc::clone(served),
                    _ => named(&wanted.version)?,
                };
                let served = load(&served)?;
                if wanted.mode == Mode::Canary && !loading.allow_mismatch {
                    let fits = check_successor(champion.description(), served.description());
                    fits.map_err(DeploymentError::Canary)?;
                }
                Some(self.challenger(served, wanted, &loading.drift))
            }
        };
        Ok(Some(Live {
            champion,
            versions,
            challenger,
        }))
    }

    /// The challenger. One that was already in the shadow keeps its queue.
    fn challenger(
        &self,
        served: Arc<Served>,
        wanted: &deployment::Challenger,
        drift: &Drift,
    ) -> Challenger {
        if wanted.mode == Mode::Canary {
            return Challenger::Canary {
                served,
                share: (wanted.percent / 100.0 * (1_u64 << 32) as f64) as u64,
                turn: AtomicU64::new(0),
                field: wanted.sticky_by.clone(),
            };
        }
        match self.live().and_then(|live| live.shadow().cloned()) {
            Some(shadow) if Arc::ptr_eq(shadow.served(), &served) => Challenger::Shadow(shadow),
            _ => Challenger::Shadow(Shadow::start(served, drift)),
        }
    }

    /// Makes this live, unless its champion cannot take the place of the one before.
    fn take(
        &self,
        past: &mut Past,
        live: Live,
        Attempt { change, loading }: Attempt<'_>,
        outcome: &mut Outcome,
    ) {
        let before = self.live().map(|live| Arc::clone(&live.champion));
        if let Some(before) = before
            && !Arc::ptr_eq(&before, &live.champion)
        {
            let fits = check_successor(before.description(), live.champion.description());
            if let Err(reason) = fits
                && !loading.allow_mismatch
            {
                return self.refuse(reason, change, &loading.metrics, outcome);
            }
            past.previous = Some(before);
        }
        self.promote(live, change, &loading.metrics);
    }

    /// From now on this answers.
    fn promote(&self, live: Live, change: Change<'_>, metrics: &ModelMetricsSet) {
        let before = self.live();
        let from = before.as_ref().map(|before| before.champion.version());
        let to = live.champion.version();
        let same = before
            .as_ref()
            .is_some_and(|before| Arc::ptr_eq(&before.champion, &live.champion));
        if !same {
            tracing::info!(
                model = self.name,
                from,
                to,
                digest = live.champion.description().model.digest,
                cause = change.cause.as_str(),
                actor = change.actor,
                "promoted"
            );
        }
        metrics.champion(&self.name, from, Some(to));
        self.live.store(Some(Arc::new(live)));
    }

    /// What was rolled back or refused is forgotten when somebody asks for a reload.
    fn past(&self, cause: Cause) -> MutexGuard<'_, Past> {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if cause == Cause::Asked {
            past.rolled_back.clear();
            past.refused.clear();
        }
        past
    }

    pub(super) fn serving(&self) -> Option<String> {
        self.live().map(|live| live.champion.version().to_owned())
    }

    fn outcome(&self) -> Outcome {
        Outcome {
            model: self.name.clone(),
            serving: None,
            loaded: Vec::new(),
            refused: Vec::new(),
            lasting: None,
            advice: None,
        }
    }
}

/// Writes down which version answers: whether that lasts, and if not, what would make it.
fn lasting(folder: Option<&Path>, version: &str) -> (bool, Option<String>) {
    let Some(folder) = folder else {
        let advice = format!("replace the file by that of version {version}");
        return (false, Some(advice));
    };
    match Deployment::pin(folder, version) {
        Ok(()) => (true, None),
        Err(error) => {
            let file = folder.join(FILE);
            tracing::warn!(file = %file.display(), %error, "the rollback ends with a restart");
            let advice = format!("put this line into {}: {}", file.display(), line(version));
            (false, Some(advice))
        }
    }
}
