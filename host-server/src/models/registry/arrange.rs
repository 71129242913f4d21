//! Which of a folder's versions answers, and which challenges it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::deployment::{self, Deployment, DeploymentError, Mode, line};
use super::folder::order;
use super::live::{Challenger, Live};
use super::loading::Loading;
use super::names::check_successor;
use super::newest::{Newest, passed_over};
use super::served::Served;
use super::shadow::Shadow;
use super::slot::{Refusal, Slot};
use super::version::Version;
use crate::models::drift::Drift;

/// What of a folder answers from now on.
pub(super) struct Arrangement {
    /// `None` where no version can.
    pub(super) live: Option<Live>,
    /// What does not, and why.
    pub(super) left_out: Vec<(Refusal, String)>,
}

impl Slot {
    /// Who answers and who challenges, out of `versions`; loads them, which takes a while. A reload
    /// that cannot have the challenger changes nothing; before there is a champion, one answers
    /// without it. Where no version takes the champion's place, it goes on, with the versions that
    /// it has and the challenger that is named.
    pub(super) fn arrange(
        &self,
        deployment: Option<&io::Result<String>>,
        mut versions: BTreeMap<String, Arc<Version>>,
        rolled_back: &[[u8; 32]],
        loading: &Loading,
    ) -> Result<Arrangement, DeploymentError> {
        let deployment = match deployment {
            None => Deployment::default(),
            Some(Ok(text)) => Deployment::parse(text)?,
            Some(Err(error)) => return Err(DeploymentError::Read(error.to_string())),
        };
        let mut left_out = Vec::new();
        // What answers now, where none of `versions` takes the champion's place.
        let mut goes_on = None;
        let champion = match &deployment.version {
            Some(version) => {
                let pinned = named(version, &versions, rolled_back)?;
                self.check_pinned(&pinned, &versions, loading)?;
                load(&pinned, loading)?
            }
            None => {
                let may_answer = may_answer(&deployment, &versions);
                let newest = self.newest(&may_answer, rolled_back, loading);
                let other = self.other_at_start(newest.version.as_ref(), &may_answer, loading);
                let reasons = newest.left_out.into_iter();
                left_out.extend(reasons.map(|reason| (Refusal::Version, reason)));
                left_out.extend(other.map(|reason| (Refusal::Start, reason)));
                match (newest.version, self.live()) {
                    (Some(newest), _) => load(&newest, loading)?,
                    (None, Some(live)) => Arc::clone(&goes_on.insert(live).champion),
                    (None, None) => {
                        let challenger = deployment.challenger.map(|one| one.version);
                        return match challenger.filter(|one| versions.contains_key(one)) {
                            Some(challenger) => Err(DeploymentError::NoChampion(challenger)),
                            None => Ok(Arrangement {
                                live: None,
                                left_out,
                            }),
                        };
                    }
                }
            }
        };
        let mut wanted = deployment.challenger.as_ref();
        // Promoted, and still named as the challenger: it would be compared with itself.
        if let Some(itself) = wanted.take_if(|wanted| wanted.version == champion.version()) {
            let error = DeploymentError::ChallengerIsChampion(itself.version.clone());
            left_out.push((Refusal::Challenger, error.to_string()));
        }
        let challenger = wanted
            .map(|wanted| self.challenger(wanted, &champion, &versions, rolled_back, loading));
        let challenger = match challenger.transpose() {
            Err(error) if self.live().is_none() => {
                left_out.push((Refusal::Challenger, error.to_string()));
                None
            }
            challenger => challenger?,
        };
        if let Some(live) = goes_on {
            let challenger = wanted.and_then(|wanted| versions.get_key_value(&wanted.version));
            let mut stay = live.versions.clone();
            stay.retain(|name, _| name == champion.version() || versions.contains_key(name));
            stay.extend(challenger.map(|(name, version)| (name.clone(), Arc::clone(version))));
            versions = stay;
        }
        Ok(Arrangement {
            live: Some(Live::new(champion, versions, challenger)),
            left_out,
        })
    }

    /// The newest of the versions that may answer, oldest first. An older one than the champion
    /// may when that has no folder any more, or is to be the challenger.
    fn newest(
        &self,
        may_answer: &[&Arc<Version>],
        rolled_back: &[[u8; 32]],
        loading: &Loading,
    ) -> Newest {
        let champion = self.champion();
        let stays = champion.as_ref().map(|champion| champion.version());
        let stays = stays.filter(|stays| may_answer.iter().any(|one| one.version() == *stays));
        let candidates = may_answer.iter().copied();
        let candidates: Vec<&Arc<Version>> = candidates
            .filter(|one| stays.is_none_or(|stays| order(one.version(), stays).is_ge()))
            .filter(|one| !rolled_back.contains(one.file_sha256()))
            .collect();
        match &champion {
            _ if loading.allow_mismatch => Newest::of_all(&candidates),
            Some(champion) => Newest::in_turn(Some(champion.description()), &candidates),
            None => Newest::in_turn(None, &candidates),
        }
    }

    /// Which version the next start serves, if any, and what to do, where it is another one than
    /// the `newest` or, without one, than the champion, which goes on: a start does not know the
    /// champion, and takes all of the versions that may answer in turn.
    fn other_at_start(
        &self,
        newest: Option<&Arc<Version>>,
        may_answer: &[&Arc<Version>],
        loading: &Loading,
    ) -> Option<String> {
        let champion = self.champion()?;
        let start = match loading.allow_mismatch {
            true => Newest::of_all(may_answer),
            false => Newest::in_turn(None, may_answer),
        };
        let Some(start) = start.version else {
            let stays = champion.version();
            return Some(format!(
                "version {stays} goes on, but the next start serves none: the folder needs a version that can be loaded and is not the challenger"
            ));
        };
        if newest.is_some_and(|newest| Arc::ptr_eq(newest, &start)) {
            return None;
        }
        let start = start.version();
        let Some(newest) = newest.map(|newest| newest.version()) else {
            let stays = champion.version();
            return Some(if start == stays {
                format!(
                    "version {stays} goes on as it was loaded, but the next start serves the file that is in its place now: put the one before back, or restart to serve this one"
                )
            } else {
                format!(
                    "version {stays} goes on, but the next start serves version {start}: restart to serve that now, or name another one in deployment.toml"
                )
            });
        };
        let reason = passed_over(newest, may_answer).filter(|_| !loading.allow_mismatch);
        let line = line(newest);
        Some(match reason {
            Some(reason) => format!(
                "{reason}, delete the older one, or write {line} into deployment.toml, since the next start serves version {start}"
            ),
            None => format!(
                "the next start serves version {start} instead of {newest}: write {line} into deployment.toml to keep that"
            ),
        })
    }

    /// Checks that the version that `deployment.toml` names can take the place of the champion.
    /// Before there is one, it answers as it is named, such as one that was rolled back to.
    fn check_pinned(
        &self,
        pinned: &Version,
        versions: &BTreeMap<String, Arc<Version>>,
        loading: &Loading,
    ) -> Result<(), DeploymentError> {
        if let Some(champion) = self.champion() {
            return match self.check_successor(pinned.description(), loading) {
                Err(reason) if !is_back(&champion, pinned) => {
                    Err(DeploymentError::Champion(reason))
                }
                _ => Ok(()),
            };
        }
        let mut all: Vec<&Arc<Version>> = versions.values().collect();
        all.sort_by(|a, b| order(a.version(), b.version()));
        if !loading.allow_mismatch
            && let Some(reason) = passed_over(pinned.version(), &all)
        {
            tracing::warn!(
                model = self.name(),
                version = pinned.version(),
                reason,
                "version answers as deployment.toml names it, though older ones have other inputs"
            );
        }
        Ok(())
    }

    /// The challenger that is wanted beside this champion.
    fn challenger(
        &self,
        wanted: &deployment::Challenger,
        champion: &Served,
        versions: &BTreeMap<String, Arc<Version>>,
        rolled_back: &[[u8; 32]],
        loading: &Loading,
    ) -> Result<Challenger, DeploymentError> {
        // A shadow answers nobody: it may be what was rolled back.
        let version = match (wanted.mode, versions.get(&wanted.version)) {
            (Mode::Shadow, Some(version)) => Arc::clone(version),
            _ => named(&wanted.version, versions, rolled_back)?,
        };
        if wanted.mode == Mode::Canary && !loading.allow_mismatch {
            let fits = check_successor(champion.description(), version.description());
            fits.map_err(DeploymentError::Canary)?;
        }
        let served = load(&version, loading)?;
        Ok(self.start(served, wanted, &loading.drift))
    }

    /// Lets a challenger begin. One that was already in the shadow keeps its queue.
    fn start(
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
}

/// The versions that may be the champion, oldest first: all but the challenger.
fn may_answer<'a>(
    deployment: &Deployment,
    versions: &'a BTreeMap<String, Arc<Version>>,
) -> Vec<&'a Arc<Version>> {
    let challenger = deployment.challenger.as_ref();
    let mut all: Vec<&Arc<Version>> = versions
        .values()
        .filter(|one| challenger.is_none_or(|challenger| challenger.version != one.version()))
        .collect();
    all.sort_by(|a, b| order(a.version(), b.version()));
    all
}

/// Whether a version is one that the champion could have taken the place of: to go back to it is a
/// rollback, which asks for no more, wherever it was made.
fn is_back(champion: &Served, version: &Version) -> bool {
    order(version.version(), champion.version()).is_lt()
        && check_successor(version.description(), champion.description()).is_ok()
}

/// The version of this name, unless it was rolled back.
fn named(
    version: &str,
    versions: &BTreeMap<String, Arc<Version>>,
    rolled_back: &[[u8; 32]],
) -> Result<Arc<Version>, DeploymentError> {
    match versions.get(version) {
        None => Err(DeploymentError::NoSuchVersion(version.to_owned())),
        Some(served) if rolled_back.contains(served.file_sha256()) => {
            Err(DeploymentError::RolledBack(version.to_owned()))
        }
        Some(served) => Ok(Arc::clone(served)),
    }
}

fn load(version: &Version, loading: &Loading) -> Result<Arc<Served>, DeploymentError> {
    let loaded = version.load(loading);
    loaded.map_err(|error| DeploymentError::Load(error.to_string()))
}
