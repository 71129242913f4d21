//! A version of a model that the model's folder has: checked when it was found, loaded while it
//! has a part or is used.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use sha2::{Digest, Sha256};

use super::file::read_model;
use super::loading::Loading;
use super::names::FolderName;
use super::served::Served;
use super::source::Signer;
use crate::host::{Description, LoadError, LoadErrorKind, ModelInfo};
use crate::models::drift::End;

/// A version of a model, loaded or not.
pub(crate) struct Version {
    name: String,
    version: String,
    description: Arc<Description>,
    file_sha256: [u8; 32],
    signer: Option<Signer>,
    /// Where it is loaded from; `None` for a file of which there is one version.
    file: Option<Stamp>,
    served: ArcSwapOption<Served>,
    /// What served it last, for as long as a request keeps that: it is not loaded beside it.
    last: Mutex<Weak<Served>>,
    /// One thread loads it, others wait.
    loading: Mutex<()>,
    /// It answers, challenges or answered before: it stays loaded.
    pub(super) has_part: AtomicBool,
    /// Grows with each use, of all versions.
    used: AtomicU64,
}

/// A file as it was when it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
    identity: [i64; 3],
    /// Its signature, where one is needed.
    signature: Option<Box<Self>>,
}

impl Stamp {
    /// With the file of this name beside it, its signature, where one is needed. `None` when
    /// there is no such file.
    pub(crate) fn read(path: &Path, signature: Option<&str>) -> Option<Self> {
        let signature = signature.and_then(|name| Self::read_one(&path.with_file_name(name)));
        Some(Self {
            signature: signature.map(Box::new),
            ..Self::read_one(path)?
        })
    }

    /// Whether a file is still the same, by its length and time; never where the system keeps no
    /// time.
    pub(crate) fn is_unchanged(&self, before: Option<&Self>) -> bool {
        self.modified.is_some() && Some(self) == before
    }

    fn read_one(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            length: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(&metadata),
            signature: None,
        })
    }
}

/// What tells a file from another of the same length and time, such as a copy that kept the time.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> [i64; 3] {
    use std::os::unix::fs::MetadataExt;
    let (seconds, nanoseconds) = (metadata.ctime(), metadata.ctime_nsec());
    [metadata.ino().cast_signed(), seconds, nanoseconds]
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> [i64; 3] {
    [0; 3]
}

impl Version {
    /// A version that has been loaded, and so was checked.
    pub(super) fn new(served: Arc<Served>, file: Option<Stamp>) -> Arc<Self> {
        let version = Self {
            name: served.name().to_owned(),
            version: served.version().to_owned(),
            description: Arc::new(served.description().clone()),
            file_sha256: *served.file_sha256(),
            signer: served.signer().cloned(),
            file,
            last: Mutex::new(Arc::downgrade(&served)),
            served: ArcSwapOption::from(Some(served)),
            loading: Mutex::new(()),
            has_part: AtomicBool::new(false),
            used: AtomicU64::new(0),
        };
        version.touch();
        Arc::new(version)
    }

    /// Its version in routes.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// What the file says of itself.
    pub(crate) fn model(&self) -> &ModelInfo {
        &self.description.model
    }

    /// What the file says of its inputs and answers, loaded or not.
    pub(crate) fn description(&self) -> &Arc<Description> {
        &self.description
    }

    /// Who signed it, where that is checked.
    pub(crate) fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    pub(super) fn file_sha256(&self) -> &[u8; 32] {
        &self.file_sha256
    }

    /// Whether the file is, by its length and time, the one that was checked.
    pub(super) fn is_as_checked(&self, found: Option<&Stamp>) -> bool {
        found.is_some_and(|found| found.is_unchanged(self.file.as_ref()))
    }

    /// What serves it, when it is loaded.
    pub(crate) fn loaded(&self) -> Option<Arc<Served>> {
        self.served.load_full()
    }

    /// What serves it; loads it when it is not loaded, which takes a while: not on a thread that
    /// serves connections.
    ///
    /// # Errors
    /// When its file is no longer the one that was checked, or cannot be loaded.
    pub(super) fn load(&self, loading: &Loading) -> Result<Arc<Served>, LoadError> {
        self.touch();
        let _one = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(served) = self.loaded() {
            return Ok(served);
        }
        let kept = self.last().upgrade();
        if let Some(served) = kept {
            self.served.store(Some(Arc::clone(&served)));
            return Ok(served);
        }
        let path = self.file.as_ref().map(|file| file.path.as_path());
        let path = path.ok_or_else(|| changed("it has no file"))?;
        let bytes = read_model(path)?;
        if <[u8; 32]>::from(Sha256::digest(&bytes)) != self.file_sha256 {
            return Err(changed("the file was changed since it was checked: reload").in_file(path));
        }
        let named = FolderName {
            name: &self.name,
            version: &self.version,
        };
        let served =
            Served::load(path, bytes, Some(named), loading).map_err(|error| error.in_file(path))?;
        *self.last() = Arc::downgrade(&served);
        self.served.store(Some(Arc::clone(&served)));
        Ok(served)
    }

    /// Whether it is in memory: it is loaded, or requests keep it.
    pub(super) fn is_in_memory(&self) -> bool {
        self.last().strong_count() > 0
    }

    fn last(&self) -> MutexGuard<'_, Weak<Served>> {
        // Nothing that can panic runs under the lock.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that it is used.
    pub(crate) fn touch(&self) {
        static USES: AtomicU64 = AtomicU64::new(1);
        let now = USES.fetch_add(1, Ordering::Relaxed);
        self.used.store(now, Ordering::Relaxed);
    }

    /// Lets go of what serves it, unless it has a part; requests in flight keep it.
    pub(super) fn unload(&self) {
        if self.file.is_none() || self.has_part.load(Ordering::Relaxed) {
            return;
        }
        if let Some(served) = self.served.swap(None) {
            served.metrics.set_instances(0);
            if let Ok(monitor) = served.drift() {
                monitor.save(End::None);
            }
        }
    }
}

/// Unloads those that were used longest ago, so that there are no more than [`most_loaded`]: a
/// version that is asked for by name is not loaded for each request.
pub(super) fn unload_oldest<'a>(versions: impl Iterator<Item = &'a Arc<Version>>, most: usize) {
    let is_loaded = |version: &&Arc<Version>| version.served.load().is_some();
    let mut loaded: Vec<&Arc<Version>> = versions.filter(is_loaded).collect();
    let all = loaded.len();
    let most = most_loaded(&loaded, most);
    loaded.retain(|version| !version.has_part.load(Ordering::Relaxed));
    let too_many = all.saturating_sub(most);
    loaded.sort_by_key(|version| version.used.load(Ordering::Relaxed));
    loaded
        .into_iter()
        .take(too_many)
        .for_each(|one| one.unload());
}

/// Whether one more may be loaded: requests whose clients take their time keep versions that were
/// unloaded, of which there may be as many as are loaded.
pub(super) fn has_room<'a>(versions: impl Iterator<Item = &'a Arc<Version>>, most: usize) -> bool {
    let in_memory: Vec<&Arc<Version>> = versions.filter(|one| one.is_in_memory()).collect();
    in_memory.len() < 2 * most_loaded(&in_memory, most)
}

/// How many of a model may be loaded: `most`, or those that have a part and one more.
fn most_loaded(versions: &[&Arc<Version>], most: usize) -> usize {
    let have_part = versions
        .iter()
        .filter(|one| one.has_part.load(Ordering::Relaxed));
    most.max(have_part.count() + 1)
}

fn changed(sentence: &str) -> LoadError {
    LoadErrorKind::Mismatch(sentence.to_owned()).into()
}
