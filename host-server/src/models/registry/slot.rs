//! One model by name: its versions, its champion and its challenger.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use model_files::hex;
use sha2::{Digest, Sha256};

use super::arrange::Arrangement;
use super::deployment::{self, Deployment, DeploymentError, FILE, Mode, line};
use super::file::read_model;
use super::folder::{Found, MODEL, order};
use super::live::Live;
use super::loading::{Loading, Refused};
use super::names::{FolderName, check_successor};
use super::outcome::{Cause, Change, Outcome};
use super::served::Served;
use super::source::Signer;
use super::version::{Stamp, Version, unload_oldest};
use crate::host::Description;
use crate::models::drift::End;
use crate::models::metrics::{ModelMetricsSet, Reload};

/// A model by name.
pub(crate) struct Slot {
    name: String,
    live: ArcSwapOption<Live>,
    /// Held while what answers changes, which takes but a moment.
    past: Mutex<Past>,
    /// Held during a reload, also while it compiles; before the lock above.
    looks: Mutex<Looks>,
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
    /// When the last rollback was done.
    rolled_back_at: Option<Instant>,
    /// What `deployment.toml` says since a rollback that was not written there: while it says that,
    /// nothing else answers.
    stays: Option<Option<String>>,
}

impl Past {
    /// Whether the champion goes on with this `deployment.toml`, whatever else is in the folder.
    fn stays_with(&self, deployment: Option<&io::Result<String>>) -> bool {
        let now = deployment.and_then(|read| read.as_ref().ok());
        self.stays.as_ref().is_some_and(|then| then.as_ref() == now)
    }

    fn was_rolled_back_since(&self, then: Instant) -> bool {
        self.rolled_back_at.is_some_and(|at| at >= then)
    }
}

/// What reloads found before.
#[derive(Default)]
struct Looks {
    /// Digests of files that were refused, and of their signatures, so that each is refused and
    /// counted once.
    refused: BTreeMap<PathBuf, Digests>,
    /// Why versions, a challenger or a deployment were refused at the last look, for the same.
    told: BTreeSet<String>,
}

/// What is refused.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    File,
    Version,
    /// A version with which the next start serves another one than the server that runs.
    Start,
    Challenger,
    Deployment,
}

impl Refusal {
    /// What the log says, `stays` where what answered before goes on.
    fn event(self, stays: bool) -> &'static str {
        match self {
            _ if stays => "reload refused; the loaded model stays in service",
            Self::File => "version not loaded",
            Self::Version => "version left out; an older one answers",
            Self::Start => "version left out; the next start serves it",
            Self::Challenger => "challenger left out; the champion answers alone",
            Self::Deployment => "model not loaded: it cannot be told which version answers",
        }
    }
}

impl Slot {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            live: ArcSwapOption::empty(),
            past: Mutex::default(),
            looks: Mutex::default(),
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

    /// Whether what began with this version may go on with it: a newer one may have taken its place,
    /// but it may not have been taken back.
    pub(crate) fn goes_on(&self, served: &Served) -> bool {
        let Some(live) = self.live() else {
            return false;
        };
        let is_canary = match live.challenger() {
            Some((canary, Mode::Canary)) => is_same_file(canary, served),
            _ => false,
        };
        let is_older = || order(live.champion.version(), served.version()).is_lt();
        is_canary
            || is_same_file(&live.champion, served)
            || !is_older() && !live.rolled_back.contains(served.file_sha256())
    }

    /// Reads the one file again.
    pub(super) fn reload_file(
        &self,
        path: &Path,
        change: Change<'_>,
        loading: &Loading,
    ) -> Outcome {
        let mut outcome = self.outcome();
        let (change, mut looks) = self.begin(change);
        let attempt = Attempt { change, loading };
        let loaded = self.read(path, None, &mut looks, attempt, &mut outcome);
        let mut past = self.past();
        // Somebody may have rolled back meanwhile.
        let is_given_up = |one: &Arc<Served>| past.rolled_back.contains(one.file_sha256());
        if let Some(served) = loaded.filter(|one| !is_given_up(one)) {
            match self.check_successor(served.description(), loading) {
                Ok(()) => self.take(&mut past, Live::alone(served), attempt),
                Err(reason) => self.refuse_file(reason, attempt, &mut outcome),
            }
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
        let event = Refusal::File.event(self.live().is_some());
        self.refuse(event, reason.to_owned(), change, metrics, &mut outcome);
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
        let (change, mut looks) = self.begin(change);
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
                Some(old) if !change.cause.is_asked() && is_as_checked(old) => None,
                _ => {
                    let known = Known {
                        version,
                        old: old.clone(),
                    };
                    self.read(path, Some(known), &mut looks, attempt, &mut outcome)
                }
            };
            let checked = checked.map(|served| Version::new(served, stamp));
            if let Some(one) = checked.or(old) {
                versions.insert(version.clone(), one);
                unload_oldest(versions.values(), loading.loaded_versions.get());
            }
        }
        let (mut past, arranged) = self.arranged(found, &versions, loading);
        // A version whose folder is gone does not come back.
        past.previous
            .take_if(|previous| !versions.contains_key(previous.version()));
        let before = self.champion();
        let refused = match arranged {
            Ok(Arrangement { live, left_out }) => {
                if let Some(live) = live {
                    past.stays = None;
                    let version = live.champion.version().to_owned();
                    self.take(&mut past, live, attempt);
                    // As after a rollback, of this server or of another on the folder: to roll
                    // that back would be to promote what somebody took out of service.
                    past.previous
                        .take_if(|previous| order(&version, previous.version()).is_lt());
                }
                left_out
            }
            Err(error) => vec![(Refusal::Deployment, error.to_string())],
        };
        let now = self.champion();
        let stays = before.is_some_and(|before| now.is_some_and(|now| is_same_file(&before, &now)));
        let told = std::mem::take(&mut looks.told);
        for (what, reason) in refused {
            looks.told.insert(reason.clone());
            match told.contains(&reason) {
                true => outcome.refused.push(reason),
                false => {
                    let event = what.event(stays);
                    self.refuse(event, reason, change, &loading.metrics, &mut outcome);
                }
            }
        }
        self.settle(&past, loading.loaded_versions.get());
        outcome.serving = self.serving();
        outcome
    }

    /// Chooses and loads who answers and who challenges, once more where somebody rolls back
    /// meanwhile. With the lock under which the choice takes effect, which is not held before.
    fn arranged(
        &self,
        found: &Found,
        versions: &BTreeMap<String, Arc<Version>>,
        loading: &Loading,
    ) -> (MutexGuard<'_, Past>, Result<Arrangement, DeploymentError>) {
        let (mut at, mut again) = (found.at, None);
        let mut past = self.past();
        loop {
            if past.was_rolled_back_since(at) {
                at = Instant::now();
                again = Some(found.deployment_now());
            }
            let deployment = again.as_ref().unwrap_or(&found.deployment).as_ref();
            if let Some(champion) = self.champion().filter(|_| past.stays_with(deployment)) {
                let stays = DeploymentError::Stays(champion.version().to_owned());
                return (past, Err(stays));
            }
            let rolled_back = past.rolled_back.clone();
            drop(past);
            let arranged = self.arrange(deployment, versions.clone(), &rolled_back, loading);
            past = self.past();
            if !past.was_rolled_back_since(at) {
                return (past, arranged);
            }
        }
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
        loading: &Loading,
    ) -> Result<Outcome, String> {
        let mut past = self.past();
        let none = || format!("There is no version before to roll `{}` back to", self.name);
        let live = self.live().ok_or_else(none)?;
        let previous = past.previous.clone().ok_or_else(none)?;
        if let Some(folder) = folder {
            check_file(folder, &previous, loading)?;
        }
        past.previous = None;
        past.rolled_back.push(*live.champion.file_sha256());
        // Nobody rolled back to what is in its place now: the next look would.
        let other = folder.and_then(|folder| other_in_place(folder, &previous));
        past.rolled_back.extend(other);
        let change = Change::now(Cause::RolledBack, actor);
        let mut versions = live.versions.clone();
        let is_same = |version: &&Arc<Version>| version.file_sha256() == previous.file_sha256();
        if versions.get(previous.version()).filter(is_same).is_none() {
            let back = Version::new(Arc::clone(&previous), None);
            versions.insert(previous.version().to_owned(), back);
        }
        let mut outcome = self.outcome();
        let live = Live::new(Arc::clone(&previous), versions, None);
        self.promote(&past, live, change, &loading.metrics);
        let (lasting, advice) = lasting(folder, &previous);
        past.stays = folder
            .filter(|_| !lasting)
            .map(|folder| deployment::text(folder).ok());
        (outcome.lasting, outcome.advice) = (Some(lasting), advice);
        // Not before it is written down: what a reload read until then is out of date.
        past.rolled_back_at = Some(Instant::now());
        loading.metrics.reload(&self.name, Reload::rolled_back);
        outcome.serving = self.serving();
        Ok(outcome)
    }

    /// Loads a file, if it is valid and not the one being served.
    fn read(
        &self,
        path: &Path,
        known: Option<Known<'_>>,
        looks: &mut Looks,
        Attempt { change, loading }: Attempt<'_>,
        outcome: &mut Outcome,
    ) -> Option<Arc<Served>> {
        let bytes = match read_model(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.refuse_file(error.to_string(), Attempt { change, loading }, outcome);
                return None;
            }
        };
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let digests = (sha256, loading.signature(path));
        let given_up = known.is_none() && self.past().rolled_back.contains(&sha256);
        if given_up || looks.refused.get(path) == Some(&digests) {
            return None;
        }
        let version = known.as_ref().map_or("", |known| known.version);
        let refuse = |because: String, looks: &mut Looks, outcome: &mut Outcome| {
            looks.refused.insert(path.to_owned(), digests);
            loading.tell_refused(&Refused {
                name: &self.name,
                version,
                path,
                file_sha256: &sha256,
                because: &because,
            });
            self.refuse_file(because, Attempt { change, loading }, outcome);
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
                    refuse(format!("{}: {reason}", path.display()), looks, outcome);
                    return None;
                }
            }
        }
        let named = known.map(|known| FolderName {
            name: &self.name,
            version: known.version,
        });
        // A window that is kept goes on in what takes its version's place.
        if let Some(live) = self.live() {
            live.keep_drift(End::None);
        }
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
                refuse(error.in_file(path).to_string(), looks, outcome);
                None
            }
        }
    }

    fn refuse_file(&self, reason: String, attempt: Attempt<'_>, outcome: &mut Outcome) {
        let Attempt { change, loading } = attempt;
        let event = Refusal::File.event(self.live().is_some());
        self.refuse(event, reason, change, &loading.metrics, outcome);
    }

    fn refuse(
        &self,
        event: &str,
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
            "{event}"
        );
        outcome.refused.push(reason);
    }

    /// Checks that a model can take the place of the champion, if there is one.
    pub(super) fn check_successor(
        &self,
        after: &Description,
        loading: &Loading,
    ) -> Result<(), String> {
        match self.champion() {
            Some(before) if !loading.allow_mismatch => check_successor(before.description(), after),
            _ => Ok(()),
        }
    }

    /// Makes this live, and remembers the champion before.
    fn take(&self, past: &mut Past, live: Live, Attempt { change, loading }: Attempt<'_>) {
        if let Some(before) = self.champion()
            && !is_same_file(&before, &live.champion)
        {
            past.previous = Some(before);
        }
        self.promote(past, live, change, &loading.metrics);
    }

    /// From now on this answers.
    fn promote(&self, past: &Past, mut live: Live, change: Change<'_>, metrics: &ModelMetricsSet) {
        let before = self.live();
        let from = before.as_ref().map(|before| before.champion.version());
        let to = live.champion.version();
        let same = before
            .as_ref()
            .is_some_and(|before| is_same_file(&before.champion, &live.champion));
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
        live.rolled_back.clone_from(&past.rolled_back);
        self.live.store(Some(Arc::new(live)));
    }

    /// Begins a reload. What was refused is forgotten when somebody asked for it, and over HTTP also
    /// what was rolled back, unless somebody rolled back since: who did spoke last.
    fn begin<'a>(&self, change: Change<'a>) -> (Change<'a>, MutexGuard<'_, Looks>) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut past = self.past();
        if !change.cause.is_asked() {
            return (change, looks);
        }
        if past.was_rolled_back_since(change.at) {
            let cause = Cause::FilesChanged;
            return (Change { cause, ..change }, looks);
        }
        // Who sends a signal may mean keys alone, and nobody who takes one away means to bring back
        // what was rolled back.
        if change.cause == Cause::Asked {
            past.rolled_back.clear();
            past.stays = None;
        }
        looks.refused.clear();
        looks.told.clear();
        (change, looks)
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn champion(&self) -> Option<Arc<Served>> {
        self.live().map(|live| Arc::clone(&live.champion))
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

/// Checks that the version before still has a file in the model's folder, and that this may answer
/// after the next start: a signature may be gone since it was loaded, or its key.
fn check_file(folder: &Path, previous: &Served, loading: &Loading) -> Result<(), String> {
    let version = previous.version();
    let file = folder.join(version).join(MODEL);
    if !file.is_file() {
        return Err(format!(
            "The version before, {version}, is gone: put its file back, and reload"
        ));
    }
    if is_file_of(&file, previous)
        && let Err(reason) = loading.signer(&file, previous.file_sha256())
    {
        return Err(format!(
            "The version before, {version}, would not be loaded by the next start: {reason}"
        ));
    }
    Ok(())
}

/// Whether both are one file of one version, which is loaded again when somebody else signs it:
/// there is nothing in it to roll back.
fn is_same_file(one: &Served, other: &Served) -> bool {
    one.version() == other.version() && one.file_sha256() == other.file_sha256()
}

/// The SHA-256 of the file that is in the place of the one that was loaded, where that is another.
fn other_in_place(folder: &Path, served: &Served) -> Option<[u8; 32]> {
    let bytes = read_model(&folder.join(served.version()).join(MODEL)).ok()?;
    let sha256 = Sha256::digest(&bytes).into();
    (sha256 != *served.file_sha256()).then_some(sha256)
}

/// Whether the file at this path is the one that was loaded.
fn is_file_of(file: &Path, served: &Served) -> bool {
    read_model(file)
        .is_ok_and(|bytes| <[u8; 32]>::from(Sha256::digest(&bytes)) == *served.file_sha256())
}

/// Writes down which version answers: whether that lasts, and if not, what would make it.
fn lasting(folder: Option<&Path>, previous: &Served) -> (bool, Option<String>) {
    const ENDS: &str = "the rollback ends with a restart or POST /models/NAME/reload";
    let version = previous.version();
    let Some(folder) = folder else {
        let advice = format!("replace the file by that of version {version}");
        return (false, Some(advice));
    };
    let (place, file) = (folder.join(FILE), folder.join(version).join(MODEL));
    let add = format!("put this line into {}: {}", place.display(), line(version));
    // Another file of the same version may have been what was rolled back, or have come since: with
    // the line it would answer, here after a restart and everywhere else.
    if !is_file_of(&file, previous) {
        let error = "another file is in the place of the one that answers";
        tracing::warn!(file = %file.display(), error, "{ENDS}");
        let advice = format!(
            "put the file of version {version} with the SHA-256 {} into {}; then {add}",
            hex(previous.file_sha256()),
            file.display()
        );
        return (false, Some(advice));
    }
    match Deployment::pin(folder, version) {
        Ok(()) => (true, None),
        Err(error) => {
            tracing::warn!(file = %place.display(), %error, "{ENDS}");
            (false, Some(add))
        }
    }
}
