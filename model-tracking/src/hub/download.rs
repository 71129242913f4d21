//! Files of a repository, through a cache that works without the Hub.
//!
//! ```text
//! CACHE/models--OWNER--NAME/
//!   refs/REVISION.json               {"commit": the commit that it was last seen at}
//!   snapshots/COMMIT/FILE            the file
//!   snapshots/COMMIT/FILE.json       {"sha256": of the file, "etag": what the Hub calls it by}
//! ```

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::{Fetched, Hub, HubError, RepoId, in_path, reading, sha256, writing};
use crate::disk::{self, hex};
use crate::http::{Answer, Content, encode, encode_path};
use crate::tracker::TrackError;

const COMMIT_DIGITS: usize = 40;
const SHA256_DIGITS: usize = 64;

#[derive(Serialize, Deserialize)]
struct Reference {
    commit: String,
}

#[derive(Serialize, Deserialize)]
struct Note {
    sha256: String,
    etag: String,
}

/// What the Hub says about a file before it gives it.
struct Announced {
    commit: String,
    /// SHA-256 of a large file, Git's SHA-1 of another.
    etag: String,
    bytes: Option<u64>,
}

impl Hub {
    /// A file of a repository at a revision (branch, tag or commit). What is in the cache and is
    /// still what it was is not loaded again. When the Hub does not answer, the cache is what
    /// there is, and [`Fetched::offline`] says so.
    ///
    /// # Errors
    /// When there is no such file, what comes is not what was announced, or the Hub does not
    /// answer and the cache has no such file.
    pub fn fetch(
        &self,
        repo: &RepoId,
        file: &str,
        revision: &str,
        cache: &Path,
    ) -> Result<Fetched, HubError> {
        let cache = Cache::of(cache, repo);
        if is_hex(revision, COMMIT_DIGITS)
            && let Some(found) = cache.find(revision, file)?
        {
            // A commit never changes.
            return Ok(found);
        }
        let announced = match self.announced(repo, file, revision) {
            Ok(announced) => announced,
            Err(HubError::Conversation(error)) if is_absent(&error) => {
                return cache.offline(revision, file, error, &format!("{repo} at {revision}"));
            }
            Err(other) => return Err(other),
        };
        cache.refer(revision, &announced.commit)?;
        if let Some(found) = cache.find(&announced.commit, file)? {
            return Ok(found);
        }
        self.load(repo, file, &announced, &cache)
    }

    fn announced(&self, repo: &RepoId, file: &str, revision: &str) -> Result<Announced, HubError> {
        let mut call = self.call(
            "HEAD",
            self.file_address(repo, file, revision),
            Content::Nothing,
        );
        // A large file is somewhere else; what it is, the Hub says before it sends us there.
        call.follow = false;
        call.headers.push(identity());
        let mut answer = self.client.send(&call)?;
        if let Some(place) = moved_to(&answer, self.client.base()) {
            call.url = place;
            answer = self.client.send(&call)?;
        }
        if answer.status >= 400 {
            return Err(self.refusal(&answer, format!("{file} of {repo} at {revision}")));
        }
        let missing = |name: &str| {
            let problem = format!("no header {name}");
            HubError::from(self.client.unexpected("HEAD of a file", problem))
        };
        let header = |name| answer.header(name).map(str::to_owned);
        let commit = header("X-Repo-Commit").filter(|commit| is_hex(commit, COMMIT_DIGITS));
        let etag = header("X-Linked-Etag").or_else(|| header("ETag"));
        let size = header("X-Linked-Size").or_else(|| {
            let redirected = (300..400).contains(&answer.status);
            header("Content-Length").filter(|_| !redirected)
        });
        Ok(Announced {
            commit: commit.ok_or_else(|| missing("X-Repo-Commit"))?,
            etag: etag
                .map(|etag| plain_etag(&etag))
                .ok_or_else(|| missing("ETag"))?,
            bytes: size.and_then(|size| size.parse().ok()),
        })
    }

    fn load(
        &self,
        repo: &RepoId,
        file: &str,
        announced: &Announced,
        cache: &Cache,
    ) -> Result<Fetched, HubError> {
        let url = self.file_address(repo, file, &announced.commit);
        let mut call = self.call("GET", url, Content::Nothing);
        call.headers.push(identity());
        let mut response = self.client.open(&call)?;
        if response.status().as_u16() >= 400 {
            let answer = self.client.send(&call)?;
            return Err(self.refusal(&answer, format!("{file} of {repo}")));
        }
        let path = cache.file(&announced.commit, file);
        make_parent(&path)?;
        // One byte more than announced shows that it is too long.
        let limit = announced
            .bytes
            .map_or(u64::MAX, |bytes| bytes.saturating_add(1));
        let body = response.body_mut().with_config().limit(u64::MAX).reader();
        let aside = path.with_extension("part");
        let (bytes, sha256) = disk::copy_whole(body.take(limit), &aside).map_err(|error| {
            match error
                .get_ref()
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<ureq::Error>)
            {
                true => self.client.unreachable(&error.to_string()).into(),
                false => writing(&aside)(error),
            }
        })?;
        let checked = check(&aside, bytes, &sha256, announced);
        if let Err(error) = checked {
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
        let note = Note {
            sha256: sha256.clone(),
            etag: announced.etag.clone(),
        };
        write_json(&note_of(&path), &note)?;
        fs::rename(&aside, &path).map_err(writing(&path))?;
        Ok(Fetched {
            path,
            commit: announced.commit.clone(),
            sha256,
            offline: None,
        })
    }

    fn file_address(&self, repo: &RepoId, file: &str, revision: &str) -> String {
        let (revision, file) = (in_path(revision), encode_path(file));
        format!("{}/resolve/{revision}/{file}", self.page(repo))
    }
}

/// One repository's part of the cache.
struct Cache {
    folder: PathBuf,
}

impl Cache {
    fn of(cache: &Path, repo: &RepoId) -> Self {
        Self {
            folder: cache.join(format!("models--{}--{}", repo.owner, repo.name)),
        }
    }

    fn file(&self, commit: &str, file: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit).join(file)
    }

    fn reference(&self, revision: &str) -> PathBuf {
        self.folder
            .join("refs")
            .join(format!("{}.json", encode(revision)))
    }

    /// The file of a commit, if it is there and is what it was.
    fn find(&self, commit: &str, file: &str) -> Result<Option<Fetched>, HubError> {
        let path = self.file(commit, file);
        let Some(note) = read_json::<Note>(&note_of(&path)) else {
            return Ok(None);
        };
        if !path.is_file() || sha256(&path)? != note.sha256 {
            return Ok(None);
        }
        Ok(Some(Fetched {
            path,
            commit: commit.to_owned(),
            sha256: note.sha256,
            offline: None,
        }))
    }

    fn refer(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        let path = self.reference(revision);
        make_parent(&path)?;
        let commit = commit.to_owned();
        write_json(&path, &Reference { commit })
    }

    fn offline(
        &self,
        revision: &str,
        file: &str,
        error: TrackError,
        what: &str,
    ) -> Result<Fetched, HubError> {
        let reference: Option<Reference> = read_json(&self.reference(revision));
        let found = match reference {
            Some(reference) => self.find(&reference.commit, file)?,
            None => None,
        };
        match found {
            Some(found) => Ok(Fetched {
                offline: Some(error.to_string()),
                ..found
            }),
            None => Err(HubError::NotCached {
                error: Box::new(error),
                what: format!("{file} of {what}"),
                cache: self.folder.clone(),
            }),
        }
    }
}

/// Whether the Hub is not there, rather than of another opinion.
fn is_absent(error: &TrackError) -> bool {
    match error {
        TrackError::Unreachable { .. } | TrackError::Unexpected { .. } => true,
        TrackError::Refused { status, .. } => *status == 429 || *status >= 500,
        _ => false,
    }
}

/// Length and digest against what was announced.
fn check(path: &Path, bytes: u64, sha256: &str, announced: &Announced) -> Result<(), HubError> {
    let damaged = |expected: String, came: String| HubError::Damaged {
        path: path.to_owned(),
        expected,
        came,
    };
    if let Some(expected) = announced.bytes.filter(|&expected| expected != bytes) {
        return Err(damaged(
            format!("{expected} bytes"),
            format!("{bytes} or more"),
        ));
    }
    let etag = &announced.etag;
    if is_hex(etag, SHA256_DIGITS) && etag != sha256 {
        return Err(damaged(format!("SHA-256 {etag}"), sha256.to_owned()));
    }
    if is_hex(etag, COMMIT_DIGITS) {
        let sha1 = git_sha1(path, bytes).map_err(reading(path))?;
        if *etag != sha1 {
            return Err(damaged(format!("Git's SHA-1 {etag}"), sha1));
        }
    }
    Ok(())
}

/// SHA-1 over `blob LENGTH`, a zero and the bytes.
fn git_sha1(path: &Path, bytes: u64) -> io::Result<String> {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {bytes}\0"));
    let mut file = fs::File::open(path)?;
    let mut block = vec![0; 64 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&block[..read]),
        }
    }
}

/// The place on the Hub itself that a renamed repository's address points to.
fn moved_to(answer: &Answer, base: &str) -> Option<String> {
    let place = answer.header("Location")?;
    // A large file's place comes with the commit.
    let moved = (300..400).contains(&answer.status) && answer.header("X-Repo-Commit").is_none();
    let path = place.strip_prefix(base).unwrap_or(place);
    let on_the_hub = path.starts_with('/') && !path.starts_with("//");
    (moved && on_the_hub).then(|| format!("{base}{path}"))
}

/// The file as it is, so that its length is its length.
fn identity() -> (String, String) {
    ("Accept-Encoding".to_owned(), "identity".to_owned())
}

fn plain_etag(etag: &str) -> String {
    let etag = etag.strip_prefix("W/").unwrap_or(etag);
    etag.trim_matches('"').to_owned()
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn note_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

fn make_parent(path: &Path) -> Result<(), HubError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(writing(parent))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), HubError> {
    let json = serde_json::to_vec_pretty(value).map_err(|error| writing(path)(error.into()))?;
    disk::write_whole(path, &json).map_err(writing(path))
}

/// A note that cannot be read is as good as none.
fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
