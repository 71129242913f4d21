//! The models being served: which exist, which version answers, and how that changes without
//! disturbing a request.
//!
//! A request takes what is live ([`Live`]) once and keeps it to its end; a change swaps it for
//! later requests. Loading, checking and swapping happen on a thread of their own.

mod affinity;
mod arrange;
mod deployment;
mod file;
mod folder;
mod live;
mod loading;
mod names;
mod newest;
mod outcome;
mod served;
mod shadow;
mod slot;
mod source;
mod verify;
mod version;
pub(crate) mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;

use crate::host::{LoadError, ModelHost};

pub(crate) use affinity::Affinity;
pub(crate) use deployment::Mode;
pub(crate) use live::Live;
pub(crate) use loading::{Loaded, Loading, OnLoad, OnRefuse, Refused};
pub(crate) use outcome::{Cause, Change, Outcome};
pub(crate) use served::{ScoredDecision, Served, ServedFile};
pub(crate) use shadow::{Champions, Offer, Room, Witness};
pub(crate) use slot::Slot;
pub use source::{Checked, Fetched, FileCheck, ModelSource, SignatureCheck, Signer};
pub(crate) use version::{Stamp, Version};

/// All models.
pub(crate) struct Registry {
    source: Option<ModelSource>,
    default_name: Option<String>,
    loading: Loading,
    slots: ArcSwap<BTreeMap<String, Arc<Slot>>>,
    /// The model that answers requests that name none; empty as long as there is none.
    default: ArcSwap<Option<Arc<Slot>>>,
    /// Held during a reload, so that there is one at a time. Requests and rollbacks never take it:
    /// to compile a new version may take a while.
    changing: Mutex<()>,
    /// Held while a file is fetched and taken; before the lock above.
    fetching: Mutex<()>,
}

impl Registry {
    /// One model that is loaded already; it cannot be reloaded.
    pub(crate) fn single(host: ModelHost, loading: Loading) -> Self {
        let registry = Self::empty(None, None, loading);
        let script = Some(host.glue().clone());
        let served = Served::new((host, script), None, None, &registry.loading);
        let slot = Arc::new(Slot::with(served, &registry.loading.metrics));
        let name = slot.name().to_owned();
        registry
            .slots
            .store(Arc::new([(name.clone(), slot)].into()));
        registry.choose_default(Some(&name));
        registry
    }

    /// Loads all models. A single file must be valid; in a folder invalid ones are logged and
    /// left out, and the folder may be empty.
    pub(crate) fn open(
        source: ModelSource,
        default_name: Option<String>,
        loading: Loading,
    ) -> Result<Self, LoadError> {
        let mut registry = Self::empty(Some(source.clone()), default_name, loading);
        match source {
            ModelSource::File(path) | ModelSource::Fetched(Fetched { path, .. }) => {
                let served = Served::open(&path, None, &registry.loading)?;
                let slot = Arc::new(Slot::with(served, &registry.loading.metrics));
                let name = slot.name().to_owned();
                registry
                    .slots
                    .store(Arc::new([(name.clone(), slot)].into()));
                registry.choose_default(Some(&name));
            }
            ModelSource::Folder(_) => {
                registry.reload(Cause::Start.into());
            }
        }
        // From now on requests come first.
        registry.loading.limits.background = true;
        Ok(registry)
    }

    fn empty(source: Option<ModelSource>, default_name: Option<String>, loading: Loading) -> Self {
        Self {
            source,
            default_name,
            loading,
            slots: ArcSwap::default(),
            default: ArcSwap::from_pointee(None),
            changing: Mutex::new(()),
            fetching: Mutex::new(()),
        }
    }

    /// Where the files are, so that they can be watched.
    pub(crate) fn source(&self) -> Option<&ModelSource> {
        self.source.as_ref()
    }

    /// The model that answers requests that name none.
    pub(crate) fn default(&self) -> Option<Arc<Slot>> {
        self.default.load().as_ref().clone()
    }

    /// Whether a model is the default.
    pub(crate) fn is_default(&self, slot: &Slot) -> bool {
        matches!(self.default.load().as_ref(), Some(default) if default.name() == slot.name())
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots.load().get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Slot>> {
        self.slots.load().values().cloned().collect()
    }

    /// Reads all models' files again; blocks while new ones are compiled and checked. What was
    /// rolled back is taken again only when somebody asks for it.
    pub(crate) fn reload(&self, change: Change<'_>) -> Vec<Outcome> {
        let mut fetching = None;
        let file = match &self.source {
            Some(ModelSource::File(path)) => Some(Ok(path.clone())),
            Some(ModelSource::Fetched(fetched)) => {
                // One fetch at a time, each taken before the next begins. Nothing else waits for
                // the network: a rollback least of all.
                fetching = Some(self.fetching.lock().unwrap_or_else(PoisonError::into_inner));
                Some((fetched.again)())
            }
            Some(ModelSource::Folder(_)) | None => None,
        };
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let _fetching = fetching;
        match (file, &self.source) {
            (Some(file), _) => self.reload_file(file, change),
            (None, Some(ModelSource::Folder(folder))) => self.reload_folder(folder, change, None),
            (None, _) => Vec::new(),
        }
    }

    /// The same for one model, as `actor` asked then; `None` when there is no such model.
    pub(crate) fn reload_one(
        &self,
        name: &str,
        actor: Option<&str>,
        at: Instant,
    ) -> Option<Outcome> {
        let cause = Cause::Asked;
        let mut outcomes = self.reload_named(name, Change { cause, actor, at });
        let at = outcomes.iter().position(|outcome| outcome.model == name)?;
        Some(outcomes.swap_remove(at))
    }

    /// Lets the champion before answer again, as `actor` asked, and writes down that it is to.
    ///
    /// # Errors
    /// A sentence, when there is none; `None` when there is no such model.
    pub(crate) fn roll_back(
        &self,
        name: &str,
        actor: Option<&str>,
    ) -> Option<Result<Outcome, String>> {
        let slot = self.get(name)?;
        let folder = match &self.source {
            Some(ModelSource::Folder(folder)) => Some(folder.join(name)),
            _ => None,
        };
        Some(slot.roll_back(folder.as_deref(), actor, &self.loading))
    }

    /// What serves a version, which is loaded if needed: it may take a while. `None` where too many
    /// are in memory, since requests that are not yet answered keep them.
    ///
    /// # Errors
    /// When its file is no longer the one that was checked, or cannot be loaded.
    pub(crate) fn load(
        &self,
        live: &Live,
        version: &Version,
    ) -> Result<Option<Arc<Served>>, LoadError> {
        match live.has_room(version, &self.loading) {
            true => live.load(version, &self.loading).map(Some),
            false => Ok(None),
        }
    }

    /// Loads a file that was served before, to ask it about what it decided: it is none of the
    /// models, so it answers nobody and nothing of it is counted. It may take a while.
    ///
    /// # Errors
    /// When it cannot be loaded, or is refused by the check of files.
    pub(crate) fn reopen(&self, wasm: Bytes) -> Result<ModelHost, LoadError> {
        self.loading.reopen(wasm)
    }

    fn reload_named(&self, name: &str, change: Change<'_>) -> Vec<Outcome> {
        match (&self.source, self.get(name)) {
            (Some(ModelSource::Folder(folder)), Some(slot)) => {
                let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
                let found = folder::versions(&folder.join(name));
                vec![slot.reload_versions(&found, change, &self.loading)]
            }
            (Some(ModelSource::Folder(folder)), None) => {
                let names = folder::names(folder).unwrap_or_default();
                if !names.iter().any(|one| one == name) {
                    return Vec::new();
                }
                let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
                self.reload_folder(folder, change, Some(name))
            }
            (_, Some(_)) => self.reload(change),
            (_, None) => Vec::new(),
        }
    }

    fn reload_file(&self, path: Result<PathBuf, String>, change: Change<'_>) -> Vec<Outcome> {
        let slots = self.slots.load_full();
        slots
            .values()
            .map(|slot| match &path {
                Ok(path) => slot.reload_file(path, change, &self.loading),
                Err(reason) => slot.not_fetched(reason, change, &self.loading.metrics),
            })
            .collect()
    }

    /// Where somebody asked for the model `named` alone, nobody asked for the others.
    fn reload_folder(
        &self,
        folder: &std::path::Path,
        change: Change<'_>,
        named: Option<&str>,
    ) -> Vec<Outcome> {
        let mut slots = BTreeMap::clone(&self.slots.load());
        let names = match folder::names(folder) {
            Ok(names) => names,
            Err(error) => {
                let folder = folder.display();
                match slots.is_empty() {
                    true => {
                        tracing::error!(%folder, %error, "no model loaded: the folder of models cannot be read; requests are answered 503 until it can")
                    }
                    false => {
                        tracing::error!(%folder, %error, "reload failed: the folder of models cannot be read; the loaded models stay in service")
                    }
                }
                return Vec::new();
            }
        };
        for file in folder::misplaced(folder, &names) {
            let file = file.display();
            tracing::warn!(%file, "model not loaded: expected its file at NAME/VERSION/model.wasm in the folder of models, as in loan-approval/1.0.0/model.wasm");
        }
        let mut outcomes = Vec::new();
        // Of those that have a version, loaded or not.
        let mut first = None;
        for name in &names {
            let slot = slots
                .entry(name.clone())
                .or_insert_with(|| Arc::new(Slot::new(name.clone())));
            let found = folder::versions(&folder.join(name));
            let change = match named {
                Some(named) if named != name => Cause::FilesChanged.into(),
                _ => change,
            };
            outcomes.push(slot.reload_versions(&found, change, &self.loading));
            if first.is_none() && (!found.versions.is_empty() || slot.live().is_some()) {
                first = Some(name.clone());
            }
        }
        slots.retain(|name, slot| {
            let stays = names.contains(name) && slot.live().is_some();
            if !stays {
                let gone = slot.serving();
                self.loading.metrics.champion(name, gone.as_deref(), None);
            }
            stays
        });
        if slots.is_empty() && outcomes.iter().any(|outcome| !outcome.refused.is_empty()) {
            let folder = folder.display();
            tracing::error!(%folder, "no model loaded: what is in the folder of models was refused; requests are answered 503 until a version can be loaded");
        } else if slots.is_empty() {
            let folder = folder.display();
            tracing::warn!(%folder, "no model found: requests are answered 503 until there is one, at NAME/VERSION/model.wasm in this folder");
        }
        self.slots.store(Arc::new(slots));
        self.choose_default(first.as_deref());
        outcomes
    }

    /// Chooses the model for requests that name none: the one that was named at the start, or the
    /// `first` by name, even where that cannot answer. No other model answers in its place. One that
    /// answers stays where a new first cannot.
    fn choose_default(&self, first: Option<&str>) {
        let slots = self.slots.load();
        let before = self.default();
        let stays = before.as_ref().and_then(|before| slots.get(before.name()));
        let default = match &self.default_name {
            Some(name) => {
                let default = slots.get(name);
                if default.is_none() {
                    let known: Vec<&str> = slots.keys().map(String::as_str).collect();
                    let known = known.join(", ");
                    tracing::warn!(
                        default_model = name,
                        known,
                        "default model not found: requests that name no model are answered 503"
                    );
                }
                default
            }
            None => first.and_then(|first| {
                let default = slots.get(first);
                match stays {
                    _ if default.is_some() || slots.is_empty() => {}
                    None => tracing::error!(default_model = first, "default model not loaded: requests that name no model are answered 503 until it is; --default-model names another one"),
                    Some(stays) => tracing::error!(default_model = first, serving = stays.name(), "default model not loaded: the one before goes on, but the next start answers requests that name no model 503 until it is; --default-model names another one"),
                }
                default.or(stays)
            }),
        };
        if let (Some(before), Some(default)) = (&before, default)
            && before.name() != default.name()
        {
            let (from, to) = (before.name(), default.name());
            tracing::warn!(
                from,
                to,
                "default model changed: requests that name no model go to another one; --default-model names one that stays"
            );
        }
        self.default.store(Arc::new(default.cloned()));
    }
}
