//! Downloaded files on the disk, each with its SHA-256 beside it.
//!
//! ```text
//! CACHE/hub-ENDPOINT/models--OWNER--NAME/
//!   refs/REVISION.json               {"commit": the commit that it was last seen at}
//!   snapshots/COMMIT/FILE            the file
//!   notes/COMMIT/NAME.json           {"sha256": of the file, "etag": what the Hub calls it by}
//! ```
//!
//! `NAME` is the SHA-256 of the file's name: a repository may have files of any names, and none
//! of them is in the place of another one's note.
//!
//! `ENDPOINT` are 16 digits of the SHA-256 of the Hub's address: what one Hub calls a commit is
//! nothing to another one.

use std::fs;
use std::path::{Path, PathBuf};

use model_client::{ServiceError, encode};
use model_files::{WholeFile, sha256_file, sha256_hex, write_whole};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{HubError, reading, writing};
use crate::repo::RepoId;

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is, in the cache.
    pub path: PathBuf,
    /// The commit that it belongs to, 40 hexadecimal digits.
    pub commit: String,
    /// Of the file: 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Why the Hub could not be asked, where the file is what the cache had.
    pub offline: Option<String>,
}

/// Digits of the SHA-256 that tell Hubs apart.
const ENDPOINT_DIGITS: usize = 16;

/// One repository's folder in the cache.
pub(crate) struct Cache {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Reference {
    commit: String,
}

#[derive(Serialize, Deserialize)]
struct Note {
    sha256: String,
    etag: String,
}

impl Cache {
    pub(crate) fn new(cache: &Path, endpoint: &str, repo: &RepoId) -> Self {
        let mut hub = sha256_hex(endpoint);
        hub.truncate(ENDPOINT_DIGITS);
        let repo = format!("models--{}--{}", repo.owner, repo.name);
        Self {
            folder: cache.join(format!("hub-{hub}")).join(repo),
        }
    }

    /// The path of a commit's file; its folder is made.
    pub(crate) fn make_path(&self, commit: &str, file: &str) -> Result<PathBuf, HubError> {
        let path = self.path(commit, file);
        make_parent(&path)?;
        Ok(path)
    }

    /// The file of a commit, if it is there and unaltered.
    pub(crate) fn find(&self, commit: &str, file: &str) -> Result<Option<Fetched>, HubError> {
        let path = self.path(commit, file);
        let Some(note) = read_json::<Note>(&self.note_path(commit, file)) else {
            return Ok(None);
        };
        if !path.is_file() || sha256_file(&path).map_err(reading(&path))? != note.sha256 {
            return Ok(None);
        }
        Ok(Some(Fetched {
            path,
            commit: commit.to_owned(),
            sha256: note.sha256,
            offline: None,
        }))
    }

    /// Gives a downloaded file its name, with a note of its digest.
    pub(crate) fn keep(
        &self,
        downloaded: WholeFile,
        commit: &str,
        file: &str,
        sha256: &str,
        etag: &str,
    ) -> Result<(), HubError> {
        let note = Note {
            sha256: sha256.to_owned(),
            etag: etag.to_owned(),
        };
        // The note first: a file without one is not trusted, a note without its file is harmless.
        let note_path = self.note_path(commit, file);
        make_parent(&note_path)?;
        write_json(&note_path, &note)?;
        let path = self.path(commit, file);
        downloaded.commit().map_err(writing(&path))
    }

    /// Notes which commit a revision was last seen at.
    pub(crate) fn set_reference(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        let path = self.reference(revision);
        make_parent(&path)?;
        let commit = commit.to_owned();
        write_json(&path, &Reference { commit })
    }

    /// The file of a revision as it was last seen, if it is there and unaltered.
    pub(crate) fn last_seen(
        &self,
        revision: &str,
        file: &str,
    ) -> Result<Option<Fetched>, HubError> {
        match read_json::<Reference>(&self.reference(revision)) {
            Some(reference) => self.find(&reference.commit, file),
            None => Ok(None),
        }
    }

    /// The file of a revision as it was last seen, while the Hub does not answer (`error`).
    /// `repo` is what errors call the repository and its revision.
    pub(crate) fn offline(
        &self,
        revision: &str,
        file: &str,
        error: ServiceError,
        repo: &str,
    ) -> Result<Fetched, HubError> {
        match self.last_seen(revision, file)? {
            Some(found) => Ok(Fetched {
                offline: Some(error.to_string()),
                ..found
            }),
            None => Err(HubError::NotCached {
                error: Box::new(error),
                what: format!("{file} of {repo}"),
                cache: self.folder.clone(),
            }),
        }
    }

    fn path(&self, commit: &str, file: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit).join(file)
    }

    fn note_path(&self, commit: &str, file: &str) -> PathBuf {
        let name = format!("{}.json", sha256_hex(file));
        self.folder.join("notes").join(commit).join(name)
    }

    fn reference(&self, revision: &str) -> PathBuf {
        self.folder
            .join("refs")
            .join(format!("{}.json", encode(revision)))
    }
}

fn make_parent(path: &Path) -> Result<(), HubError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(writing(parent))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), HubError> {
    let json = serde_json::to_vec_pretty(value).map_err(|error| writing(path)(error.into()))?;
    write_whole(path, &json).map_err(writing(path))
}

/// A note that cannot be read counts as none: the file is downloaded again.
fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
