//! Files of a repository, through the cache.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use model_client::{Body, Request, Response, ServiceError, encode, encode_path};
use model_files::{Hashing, WholeFile, hex};
use sha1::{Digest, Sha1};

use crate::cache::{Cache, Fetched};
use crate::error::{HubError, reading, writing};
use crate::hub::Hub;
use crate::repo::RepoId;

const COMMIT_DIGITS: usize = 40;
const SHA256_DIGITS: usize = 64;
const BLOCK: usize = 64 * 1024;

/// What the Hub says about a file before it sends it.
struct Announced {
    commit: String,
    /// SHA-256 of a large file, Git's SHA-1 of another.
    etag: String,
    bytes: Option<u64>,
}

impl Hub {
    /// A file of a repository at a revision (branch, tag or commit). A file in the cache that is
    /// what this Hub announces is not downloaded again. When the Hub does not answer, or breaks
    /// off, the file last fetched at that revision is returned, and [`Fetched::offline`] says so.
    ///
    /// # Errors
    /// When there is no such file, the Hub gives it of another commit than the revision is, the
    /// download is not what was announced, or the Hub does not answer and the cache has no such
    /// file.
    pub fn fetch(
        &self,
        repo: &RepoId,
        file: &str,
        revision: &str,
        cache: &Path,
    ) -> Result<Fetched, HubError> {
        self.fetch_with(repo, file, &[], revision, cache)
    }

    /// As [`Hub::fetch`], with those of the files `beside` that the repository has: from the same
    /// commit, into the same folder. They stay together: when the Hub does not give all of them,
    /// it is as if it had given none.
    ///
    /// # Errors
    /// As [`Hub::fetch`].
    pub fn fetch_with(
        &self,
        repo: &RepoId,
        file: &str,
        beside: &[&str],
        revision: &str,
        cache: &Path,
    ) -> Result<Fetched, HubError> {
        check_revision(revision)?;
        let cache = Cache::new(cache, self.client.base(), repo);
        match self.newest(repo, file, beside, revision, &cache) {
            Err(HubError::Service(error)) if is_absent(&error) => {
                // Of a commit there is nothing newer, whatever else was asked for.
                if is_hex(revision, COMMIT_DIGITS)
                    && let Some(found) = cache.find(revision, file)?
                {
                    return Ok(Fetched {
                        offline: Some(error.to_string()),
                        ..found
                    });
                }
                cache.offline(revision, file, error, &format!("{repo} at {revision}"))
            }
            other => other,
        }
    }

    /// The file that stands in when the Hub does not answer: the one last fetched from it at that
    /// revision, or of that commit. Nothing is sent.
    ///
    /// # Errors
    /// When the revision is none, or the cached file cannot be read.
    pub fn cached(
        &self,
        repo: &RepoId,
        file: &str,
        revision: &str,
        cache: &Path,
    ) -> Result<Option<Fetched>, HubError> {
        check_revision(revision)?;
        let cache = Cache::new(cache, self.client.base(), repo);
        if is_hex(revision, COMMIT_DIGITS) {
            return cache.find(revision, file);
        }
        cache.last_seen(revision, file)
    }

    fn newest(
        &self,
        repo: &RepoId,
        file: &str,
        beside: &[&str],
        revision: &str,
        cache: &Cache,
    ) -> Result<Fetched, HubError> {
        let fetched = self.fetch_one(repo, file, revision, cache)?;
        for name in beside {
            match self.fetch_one(repo, name, &fetched.commit, cache) {
                Ok(_) | Err(HubError::NotFound { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        // Only now: what the Hub announced and did not give stands in for nothing.
        cache.set_reference(revision, &fetched.commit)?;
        Ok(fetched)
    }

    fn fetch_one(
        &self,
        repo: &RepoId,
        file: &str,
        revision: &str,
        cache: &Cache,
    ) -> Result<Fetched, HubError> {
        if is_hex(revision, COMMIT_DIGITS)
            && let Some(found) = cache.find(revision, file)?
        {
            // A commit never changes.
            return Ok(found);
        }
        let announced = self.announced(repo, file, revision)?;
        if let Some(found) = find(cache, file, &announced)? {
            return Ok(found);
        }
        let downloaded = self.download(repo, file, &announced, cache);
        if matches!(downloaded, Err(HubError::Io { .. }))
            && let Some(found) = find(cache, file, &announced)?
        {
            // Another process was faster, and the system does not let it be replaced.
            return Ok(found);
        }
        downloaded
    }

    fn announced(&self, repo: &RepoId, file: &str, revision: &str) -> Result<Announced, HubError> {
        let url = self.file_address(repo, file, revision);
        let mut request = Request::new("HEAD", url, Body::Empty);
        // A large file is stored elsewhere; the Hub describes it before it redirects there.
        request.follow_redirects = false;
        request.headers.push(identity());
        let mut response = self.client.send(&request)?;
        if let Some(address) = moved_to(&response, self.client.base()) {
            request.url = address;
            response = self.client.send(&request)?;
        }
        if response.status >= 400 {
            return Err(self.refusal(&response, format!("{file} of {repo} at {revision}")));
        }
        let missing = |name: &str| {
            let problem = format!("no header {name}");
            HubError::from(self.client.unexpected("HEAD of a file", problem))
        };
        let header = |name| response.header(name).map(str::to_owned);
        let commit = header("X-Repo-Commit").filter(|commit| is_hex(commit, COMMIT_DIGITS));
        let etag = header("X-Linked-Etag").or_else(|| header("ETag"));
        // What is not announced by its digest could not be checked.
        let etag = etag
            .map(|etag| plain_etag(&etag))
            .filter(|etag| is_hex(etag, SHA256_DIGITS) || is_hex(etag, COMMIT_DIGITS));
        let size = header("X-Linked-Size").or_else(|| {
            // The length of a redirection is its own, not the file's.
            let redirected = (300..400).contains(&response.status);
            header("Content-Length").filter(|_| !redirected)
        });
        let commit = commit.ok_or_else(|| missing("X-Repo-Commit"))?;
        if is_commit(revision) && !commit.eq_ignore_ascii_case(revision) {
            return Err(HubError::OtherCommit {
                what: format!("{file} of {repo}"),
                endpoint: self.client.base().to_owned(),
                expected: revision.to_owned(),
                got: commit,
            });
        }
        Ok(Announced {
            commit,
            etag: etag.ok_or_else(|| missing("ETag or X-Linked-Etag with the file's digest"))?,
            bytes: size.and_then(|size| size.parse().ok()),
        })
    }

    fn download(
        &self,
        repo: &RepoId,
        file: &str,
        announced: &Announced,
        cache: &Cache,
    ) -> Result<Fetched, HubError> {
        let path = cache.make_path(&announced.commit, file)?;
        check_length(&path, announced.bytes.unwrap_or(0), self.max_bytes)?;
        let url = self.file_address(repo, file, &announced.commit);
        let mut request = Request::new("GET", url, Body::Empty);
        request.headers.push(identity());
        let download = self.client.download(&request)?;
        if download.status() >= 400 {
            let response = self.client.send(&request)?;
            return Err(self.refusal(&response, format!("{file} of {repo}")));
        }
        // One byte more than announced shows that it is too long.
        let limit = announced.bytes.unwrap_or(self.max_bytes).saturating_add(1);
        // Each process has its own, and none is left behind.
        let mut part = WholeFile::create(&path).map_err(writing(&path))?;
        let mut body = Remembering::new(download.into_reader().take(limit));
        let mut hashing = Hashing::new(&mut body);
        let copied = io::copy(&mut hashing, &mut part);
        let sha256 = hashing.finish();
        let bytes = copied.map_err(|error| match body.failed.take() {
            Some(problem) => self.broken(&problem),
            None => writing(&path)(error),
        })?;
        if let Some(expected) = announced.bytes.filter(|expected| bytes < *expected) {
            return Err(self.broken(&format!("after {bytes} of {expected} bytes")));
        }
        let written = part.written().map_err(writing(&path))?;
        check_length(&path, bytes, self.max_bytes)?;
        check(&path, written, bytes, &sha256, announced)?;
        cache.keep(part, &announced.commit, file, &sha256, &announced.etag)?;
        Ok(Fetched {
            path,
            commit: announced.commit.clone(),
            sha256,
            offline: None,
        })
    }

    /// The error of a download that the Hub did not bring to its end.
    fn broken(&self, problem: &str) -> HubError {
        let problem = format!("the download broke off: {problem}");
        self.client.unreachable(&problem).into()
    }

    fn file_address(&self, repo: &RepoId, file: &str, revision: &str) -> String {
        let (revision, file) = (encode(revision), encode_path(file));
        format!("{}/resolve/{revision}/{file}", self.page(repo))
    }
}

/// Reads, and remembers why that failed: an error of the network is none of the disk that the
/// bytes go to.
struct Remembering<R> {
    source: R,
    failed: Option<String>,
}

impl<R> Remembering<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            failed: None,
        }
    }
}

impl<R: Read> Read for Remembering<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer);
        self.failed = read.as_ref().err().map(ToString::to_string);
        read
    }
}

/// The file in the cache, if it is the announced one.
fn find(cache: &Cache, file: &str, announced: &Announced) -> Result<Option<Fetched>, HubError> {
    let Some(found) = cache.find(&announced.commit, file)? else {
        return Ok(None);
    };
    let path = &found.path;
    let bytes = fs::metadata(path).map_err(reading(path))?.len();
    let checked = check(path, path, bytes, &found.sha256, announced);
    Ok(checked.is_ok().then_some(found))
}

/// Whether the Hub does not answer, rather than refuses.
fn is_absent(error: &ServiceError) -> bool {
    match error {
        ServiceError::Unreachable { .. }
        | ServiceError::Unexpected { .. }
        | ServiceError::Unencrypted { .. } => true,
        ServiceError::Refused { status, .. } => *status == 429 || *status >= 500,
        _ => false,
    }
}

/// A revision is a part of an address: one that means another place is none.
fn check_revision(revision: &str) -> Result<(), HubError> {
    let is_elsewhere = |part: &str| matches!(part, "" | "." | "..");
    match revision.split('/').any(is_elsewhere) {
        true => Err(HubError::Revision(revision.to_owned())),
        false => Ok(()),
    }
}

fn check_length(path: &Path, bytes: u64, most: u64) -> Result<(), HubError> {
    if bytes <= most {
        return Ok(());
    }
    Err(HubError::Damaged {
        path: path.to_owned(),
        expected: format!("at most {most} bytes"),
        got: "more".to_owned(),
    })
}

/// Length and digest against what was announced; `path` is the file's name, `written` where its
/// bytes are.
fn check(
    path: &Path,
    written: &Path,
    bytes: u64,
    sha256: &str,
    announced: &Announced,
) -> Result<(), HubError> {
    let damaged = |expected: String, got: String| HubError::Damaged {
        path: path.to_owned(),
        expected,
        got,
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
        let sha1 = git_sha1(written, bytes).map_err(reading(path))?;
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
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&block[..read]),
        }
    }
}

/// The address on the Hub itself that a renamed repository redirects to.
fn moved_to(response: &Response, base: &str) -> Option<String> {
    let location = response.header("Location")?;
    // A redirection to the store of large files comes with the commit.
    let moved = (300..400).contains(&response.status) && response.header("X-Repo-Commit").is_none();
    let path = location.strip_prefix(base).unwrap_or(location);
    let on_the_hub = path.starts_with('/') && !path.starts_with("//");
    (moved && on_the_hub).then(|| format!("{base}{path}"))
}

/// Without compression, so that `Content-Length` is the file's length.
fn identity() -> (String, String) {
    ("Accept-Encoding".to_owned(), "identity".to_owned())
}

fn plain_etag(etag: &str) -> String {
    let etag = etag.strip_prefix("W/").unwrap_or(etag);
    etag.trim_matches('"').to_owned()
}

/// Whether a Hub can only mean a commit by it.
fn is_commit(revision: &str) -> bool {
    is_hex(&revision.to_ascii_lowercase(), COMMIT_DIGITS)
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
