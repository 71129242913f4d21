//! Answers as the Hugging Face Hub does, and refuses what it would refuse: other tokens, a large
//! file whose SHA-256 is not what was announced, a commit of a file that was not uploaded, a token
//! sent along to the store. Large files are given out by a redirection.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use sha2::Sha256;

pub(crate) const TOKEN: &str = "hf_abcdefghijklmnopqrstuvwxyz01234567";

/// A file of a commit.
#[derive(Clone)]
pub(crate) struct Blob {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_large: bool,
}

#[derive(Clone)]
pub(crate) struct Commit {
    pub(crate) oid: String,
    pub(crate) files: BTreeMap<String, Blob>,
}

#[derive(Default)]
pub(crate) struct Repo {
    pub(crate) private: bool,
    pub(crate) commits: Vec<Commit>,
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) repos: BTreeMap<String, Repo>,
    objects: BTreeMap<String, Vec<u8>>,
    /// Gives out something else than it announces.
    pub(crate) corrupts: bool,
    /// Gives out more than it announces.
    pub(crate) goes_on: bool,
    /// Announces this as the length of a large file.
    pub(crate) announces: Option<&'static str>,
    /// Announces this in place of a digest.
    pub(crate) tags: Option<&'static str>,
    /// Files that somebody writes while the first call is answered.
    pub(crate) meanwhile: Vec<(PathBuf, Vec<u8>)>,
    /// Wants this header field with an upload.
    pub(crate) wants: Option<(&'static str, &'static str)>,
    /// Answers 503.
    pub(crate) is_down: bool,
    /// Every call: method and path.
    pub(crate) calls: Vec<String>,
}

type Shared = Arc<Mutex<Kept>>;

/// A running service.
pub(crate) struct Service {
    pub(crate) address: String,
    kept: Shared,
    /// Requests that have come and are not answered.
    open: Arc<AtomicUsize>,
}

impl Service {
    pub(crate) fn start() -> Self {
        let kept = Shared::default();
        let state = kept.clone();
        let open = Arc::new(AtomicUsize::new(0));
        let asked = Arc::clone(&open);
        let address = super::service::serve(move |address| {
            let address = address.to_owned();
            let answer = move |State(kept): State<Shared>, method, uri, headers, body| {
                let request = Request {
                    method,
                    uri,
                    headers,
                    body,
                    address: address.clone(),
                };
                asked.fetch_add(1, Ordering::Relaxed);
                let asked = Arc::clone(&asked);
                async move {
                    let answer = request.answer(&mut kept.lock().unwrap());
                    asked.fetch_sub(1, Ordering::Relaxed);
                    answer
                }
            };
            Router::new()
                .fallback(answer)
                .layer(DefaultBodyLimit::max(64 << 20))
                .with_state(state)
        });
        Self {
            address,
            kept,
            open,
        }
    }

    /// Whether somebody waits for an answer.
    pub(crate) fn is_asked(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }
}

struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    address: String,
}

fn refuse(status: u16, code: &'static str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let headers = [("X-Error-Code", code), ("X-Error-Message", "refused")];
    (status, headers, json!({"error": message}).to_string()).into_response()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn git_sha1(bytes: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    hex(&hasher.finalize())
}

impl Request {
    fn answer(self, kept: &mut Kept) -> Response {
        let path = self.uri.path().to_owned();
        kept.calls.push(format!("{} {path}", self.method));
        for (path, bytes) in kept.meanwhile.drain(..) {
            std::fs::write(path, bytes).unwrap();
        }
        if kept.is_down {
            return refuse(503, "", "Service Unavailable");
        }
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (self.method.as_str(), parts.as_slice()) {
            ("POST", ["api", "repos", "create"]) => self.create(kept),
            ("GET", ["api", "models", owner, name]) => {
                self.info(kept, &format!("{owner}/{name}"), "main")
            }
            ("GET", ["api", "models", owner, name, "revision", revision]) => {
                self.info(kept, &format!("{owner}/{name}"), revision)
            }
            ("POST", ["api", "models", owner, name, "preupload", _]) => {
                self.preupload(kept, &format!("{owner}/{name}"))
            }
            ("POST", ["api", "models", owner, name, "commit", _]) => {
                self.commit(kept, &format!("{owner}/{name}"))
            }
            ("POST", [_, _, "info", "lfs", "objects", "batch"]) => self.batch(kept),
            ("PUT", ["_lfs", oid]) => self.put(kept, oid),
            ("POST", ["_lfsverify"]) => self.verify(kept),
            ("GET" | "HEAD", ["_cdn", oid]) => self.give(kept, oid),
            ("GET" | "HEAD", [owner, name, "resolve", revision, file @ ..]) => {
                self.resolve(kept, &format!("{owner}/{name}"), revision, &file.join("/"))
            }
            _ => refuse(404, "", &format!("no such address: {path}")),
        }
    }

    /// Large files are on another host.
    fn store(&self) -> String {
        self.address.replace("127.0.0.1", "localhost")
    }

    fn is_known(&self) -> bool {
        let token = self.headers.get("Authorization");
        token.is_some_and(|value| *value == format!("Bearer {TOKEN}"))
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn create(&self, kept: &mut Kept) -> Response {
        let body = self.json();
        let (Some(name), Some(owner)) = (body["name"].as_str(), body["organization"].as_str())
        else {
            return refuse(400, "", "name and organization are wanted");
        };
        if !self.is_known() {
            return refuse(401, "", "Invalid username or password.");
        }
        let name = format!("{owner}/{name}");
        if kept.repos.contains_key(&name) {
            let error = "You already created this model repo";
            let url = format!("{}/{name}", self.address);
            let answer = json!({"error": error, "url": url}).to_string();
            return (StatusCode::CONFLICT, answer).into_response();
        }
        let repo = kept.repos.entry(name.clone()).or_default();
        repo.private = body["private"] == true;
        let url = format!("{}/{name}", self.address);
        json!({"url": url, "name": name, "id": "x"})
            .to_string()
            .into_response()
    }

    /// The repository, if the caller may write to it.
    fn writable<'k>(&self, kept: &'k mut Kept, repo: &str) -> Result<&'k mut Repo, Box<Response>> {
        if !self.is_known() {
            return Err(Box::new(refuse(401, "", "Invalid username or password.")));
        }
        let repo = kept.repos.get_mut(repo);
        repo.ok_or_else(|| Box::new(refuse(404, "RepoNotFound", "Repository not found")))
    }

    fn preupload(&self, kept: &mut Kept, repo: &str) -> Response {
        if let Err(refusal) = self.writable(kept, repo) {
            return *refusal;
        }
        let body = self.json();
        let files = body["files"].as_array().into_iter().flatten().map(|file| {
            let path = file["path"].as_str().unwrap_or_default();
            let sample = STANDARD
                .decode(file["sample"].as_str().unwrap_or_default())
                .unwrap();
            let is_large = path.ends_with(".wasm") || sample.contains(&0);
            let mode = if is_large { "lfs" } else { "regular" };
            json!({"path": path, "uploadMode": mode, "shouldIgnore": false, "oid": null})
        });
        json!({"files": files.collect::<Vec<_>>()})
            .to_string()
            .into_response()
    }

    fn batch(&self, kept: &mut Kept) -> Response {
        if !self.is_known() {
            return refuse(401, "", "Invalid username or password.");
        }
        let body = self.json();
        let transfers = body["transfers"].as_array().into_iter().flatten();
        if body["hash_algo"] != "sha256" || !{ transfers }.any(|transfer| transfer == "basic") {
            return refuse(400, "", "only basic transfer by SHA-256");
        }
        let objects = body["objects"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|object| {
                let oid = object["oid"].as_str().unwrap_or_default();
                match kept.objects.contains_key(oid) {
                    true => json!({"oid": oid, "size": object["size"]}),
                    false => json!({"oid": oid, "size": object["size"], "actions": {
                        "upload": {
                            "href": format!("{}/_lfs/{oid}", self.store()),
                            "header": BTreeMap::from_iter(kept.wants),
                        },
                        "verify": {"href": format!("{}/_lfsverify", self.address)},
                    }}),
                }
            });
        let answer = json!({"transfer": "basic", "objects": objects.collect::<Vec<_>>()});
        answer.to_string().into_response()
    }

    fn put(&self, kept: &mut Kept, oid: &str) -> Response {
        if self.headers.contains_key("Authorization") {
            return refuse(400, "", "only one way of authorization is allowed");
        }
        if hex(&Sha256::digest(&self.body)) != oid {
            return refuse(400, "", "the SHA-256 is another");
        }
        kept.objects.insert(oid.to_owned(), self.body.to_vec());
        StatusCode::OK.into_response()
    }

    fn verify(&self, kept: &mut Kept) -> Response {
        let body = self.json();
        let object = kept.objects.get(body["oid"].as_str().unwrap_or_default());
        match object {
            Some(bytes) if self.is_known() && body["size"] == bytes.len() => "{}".into_response(),
            _ => refuse(404, "", "not uploaded"),
        }
    }

    fn commit(&self, kept: &mut Kept, repo: &str) -> Response {
        let objects = kept.objects.clone();
        let address = self.address.clone();
        let name = repo.to_owned();
        let repo = match self.writable(kept, repo) {
            Ok(repo) => repo,
            Err(refusal) => return *refusal,
        };
        let mut files = repo
            .commits
            .last()
            .map_or_else(BTreeMap::new, |commit| commit.files.clone());
        let text = String::from_utf8(self.body.to_vec()).unwrap();
        for (number, line) in text.lines().enumerate() {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            let value = &line["value"];
            let path = value["path"].as_str().unwrap_or_default().to_owned();
            match line["key"].as_str() {
                Some("header") if number == 0 && value["summary"].is_string() => {}
                Some("file") if value["encoding"] == "base64" => {
                    let content = STANDARD.decode(value["content"].as_str().unwrap_or_default());
                    let Ok(bytes) = content else {
                        return refuse(400, "", "not base64");
                    };
                    files.insert(
                        path,
                        Blob {
                            bytes,
                            is_large: false,
                        },
                    );
                }
                Some("lfsFile") => {
                    let Some(bytes) = objects.get(value["oid"].as_str().unwrap_or_default()) else {
                        return refuse(400, "", "a large file was not uploaded");
                    };
                    files.insert(
                        path,
                        Blob {
                            bytes: bytes.clone(),
                            is_large: true,
                        },
                    );
                }
                _ => return refuse(400, "", "a line that no commit has"),
            }
        }
        let oid = hex(&Sha1::digest(format!(
            "{name} {} {text}",
            repo.commits.len()
        )));
        repo.commits.push(Commit {
            oid: oid.clone(),
            files,
        });
        let url = format!("{address}/{name}/commit/{oid}");
        let answer = json!({"success": true, "commitOid": oid, "commitUrl": url, "hookOutput": ""});
        answer.to_string().into_response()
    }

    /// The commit of a revision, if the caller may read it.
    fn readable<'k>(
        &self,
        kept: &'k Kept,
        repo: &str,
        revision: &str,
    ) -> Result<&'k Commit, Box<Response>> {
        let repo = kept
            .repos
            .get(repo)
            .filter(|repo| !repo.private || self.is_known());
        let Some(repo) = repo else {
            // Without a token the Hub does not say whether there is such a repository.
            let status = if self.is_known() { 404 } else { 401 };
            return Err(Box::new(refuse(
                status,
                "RepoNotFound",
                "Repository not found",
            )));
        };
        let commit = match revision {
            "main" => repo.commits.last(),
            oid => repo.commits.iter().find(|commit| commit.oid == oid),
        };
        commit.ok_or_else(|| Box::new(refuse(404, "RevisionNotFound", "Invalid rev id")))
    }

    fn info(&self, kept: &Kept, repo: &str, revision: &str) -> Response {
        let commit = match self.readable(kept, repo, revision) {
            Ok(commit) => commit,
            Err(refusal) => return *refusal,
        };
        let files = commit.files.keys().map(|name| json!({"rfilename": name}));
        let answer = json!({
            "_id": "1", "id": repo, "modelId": repo, "sha": commit.oid, "private": false,
            "tags": [], "downloads": 0, "likes": 0, "siblings": files.collect::<Vec<_>>(),
        });
        answer.to_string().into_response()
    }

    fn resolve(&self, kept: &Kept, repo: &str, revision: &str, file: &str) -> Response {
        let commit = match self.readable(kept, repo, revision) {
            Ok(commit) => commit,
            Err(refusal) => return *refusal,
        };
        let Some(blob) = commit.files.get(file) else {
            return refuse(404, "EntryNotFound", "Entry not found");
        };
        let sha256 = hex(&Sha256::digest(&blob.bytes));
        if blob.is_large {
            let length = kept.announces.map(str::to_owned);
            let length = length.unwrap_or_else(|| blob.bytes.len().to_string());
            let headers = [
                ("X-Repo-Commit", commit.oid.clone()),
                (
                    "X-Linked-Etag",
                    format!("\"{}\"", kept.tags.unwrap_or(&sha256)),
                ),
                ("X-Linked-Size", length),
                ("Location", format!("{}/_cdn/{sha256}", self.store())),
            ];
            return (StatusCode::FOUND, headers, "Found. Redirecting").into_response();
        }
        let headers = [
            ("X-Repo-Commit", commit.oid.clone()),
            ("ETag", format!("\"{}\"", git_sha1(&blob.bytes))),
        ];
        (headers, blob.bytes.clone()).into_response()
    }

    fn give(&self, kept: &Kept, oid: &str) -> Response {
        if self.headers.contains_key("Authorization") {
            return refuse(400, "", "only one way of authorization is allowed");
        }
        let Some(bytes) = kept.objects.get(oid) else {
            return refuse(404, "", "not there");
        };
        let mut bytes = bytes.clone();
        if kept.corrupts {
            bytes[7] ^= 1;
        }
        if kept.goes_on {
            bytes.resize(8 << 20, 0);
        }
        bytes.into_response()
    }
}
