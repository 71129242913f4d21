//! One commit with all files of a model.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model_client::{Body, Request, encode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::HubError;
use crate::hub::Hub;
use crate::prepared::{Prepared, check_regular, prepare};
use crate::repo::RepoId;

const LFS_JSON: &str = "application/vnd.git-lfs+json";

/// A file, and its path in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileToPublish {
    /// Such as `reports/evaluation.html`.
    pub name: String,
    /// On the disk. One that changes while it is published is refused.
    pub path: PathBuf,
    /// The SHA-256 that it was checked with, 64 lower-case hexadecimal digits: another content is
    /// refused. `None` publishes whatever is there.
    pub sha256: Option<String>,
}

/// What is published, and how.
#[derive(Debug, Clone)]
pub struct Publication<'a> {
    /// Created if it does not exist.
    pub repo: &'a RepoId,
    /// A branch, usually `main`.
    pub revision: &'a str,
    /// Whether a repository that is created is private.
    pub private: bool,
    /// The commit's first line.
    pub message: &'a str,
    /// What the commit adds or replaces; other files of the repository stay.
    pub files: &'a [FileToPublish],
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// 40 hexadecimal digits.
    pub commit: String,
    /// The address of its page.
    pub url: String,
    /// The names of the files that it has, each once.
    pub files: Vec<String>,
}

impl Hub {
    /// Publishes files to a repository in one commit: all of them or none. Files of one name and
    /// the same content are one.
    ///
    /// # Errors
    /// When a file cannot be read or is not what was checked, two of one name differ, there are
    /// more than [`MAX_FILES`](crate::MAX_FILES) or
    /// [`MAX_TOTAL_BYTES`](crate::MAX_TOTAL_BYTES), the Hub cannot be reached, or it refuses.
    pub fn publish(&self, publication: &Publication<'_>) -> Result<Published, HubError> {
        let mut files = prepare(publication.files)?;
        self.create(publication)?;
        self.ask_which_are_large(publication, &mut files)?;
        check_regular(&files)?;
        self.upload_large(publication, &files)?;
        self.commit(publication, &files)
    }

    fn create(&self, publication: &Publication<'_>) -> Result<(), HubError> {
        let repo = publication.repo;
        let body = json!({
            "name": repo.name, "organization": repo.owner, "private": publication.private,
            "type": "model",
        });
        let request = Request::new("POST", self.api("repos/create"), Body::Json(&body));
        let response = self.client.send(&request)?;
        match response.status {
            ..400 | 409 => Ok(()),
            // A token for this repository alone may not create any.
            403 if self.exists(repo)? => Ok(()),
            _ => Err(self.refusal(&response, repo.to_string())),
        }
    }

    fn exists(&self, repo: &RepoId) -> Result<bool, HubError> {
        let request = Request::new("GET", self.api(&format!("models/{repo}")), Body::Empty);
        Ok(self.client.send(&request)?.status < 400)
    }

    /// The Hub decides by name, size and beginning.
    fn ask_which_are_large(
        &self,
        publication: &Publication<'_>,
        files: &mut [Prepared<'_>],
    ) -> Result<(), HubError> {
        #[derive(Deserialize)]
        struct Modes {
            files: Vec<Mode>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Mode {
            path: String,
            upload_mode: String,
        }
        let asked = files.iter().map(|file| {
            let sample = STANDARD.encode(&file.sample);
            json!({"path": file.file.name, "sample": sample, "size": file.bytes})
        });
        let body = json!({"files": asked.collect::<Vec<_>>()});
        let path = self.revision_path(publication, "preupload");
        let response = self
            .client
            .send(&Request::new("POST", path, Body::Json(&body)))?;
        if response.status >= 400 {
            return Err(self.refusal(&response, publication.what()));
        }
        let modes: Modes = self.client.parse(&response)?;
        for file in files {
            let mode = modes.files.iter().find(|mode| mode.path == file.file.name);
            let mode = mode.ok_or_else(|| {
                let problem = format!("nothing about {}", file.file.name);
                self.client.unexpected("preupload", problem)
            })?;
            file.is_large = mode.upload_mode == "lfs";
        }
        Ok(())
    }

    fn upload_large(
        &self,
        publication: &Publication<'_>,
        files: &[Prepared<'_>],
    ) -> Result<(), HubError> {
        #[derive(Deserialize)]
        struct Batch {
            objects: Vec<Object>,
        }
        let large: Vec<_> = files.iter().filter(|file| file.is_large).collect();
        if large.is_empty() {
            return Ok(());
        }
        let objects = large
            .iter()
            .map(|file| json!({"oid": file.sha256, "size": file.bytes}));
        let body = json!({
            "operation": "upload", "transfers": ["basic"], "hash_algo": "sha256",
            "ref": {"name": publication.revision}, "objects": objects.collect::<Vec<_>>(),
        });
        let url = format!("{}.git/info/lfs/objects/batch", self.page(publication.repo));
        let text = body.to_string();
        let mut request = Request::new("POST", url, Body::Bytes(text.as_bytes(), LFS_JSON));
        request
            .headers
            .push(("Accept".to_owned(), LFS_JSON.to_owned()));
        let response = self.client.send(&request)?;
        if response.status >= 400 {
            return Err(self.refusal(&response, publication.what()));
        }
        let batch: Batch = self.client.parse(&response)?;
        for file in large {
            let object = batch
                .objects
                .iter()
                .find(|object| object.oid == file.sha256);
            let object = object.ok_or_else(|| {
                let problem = format!("nothing about {}", file.file.name);
                self.client.unexpected("LFS batch", problem)
            })?;
            self.upload_object(file, object)?;
        }
        Ok(())
    }

    fn upload_object(&self, file: &Prepared<'_>, object: &Object) -> Result<(), HubError> {
        if let Some(error) = &object.error {
            let problem = format!("{}: {} ({})", file.file.name, error.message, error.code);
            return Err(self.client.unexpected("LFS batch", problem).into());
        }
        let Some(upload) = object
            .actions
            .as_ref()
            .and_then(|actions| actions.upload.as_ref())
        else {
            // The Hub has it already.
            return Ok(());
        };
        let mut put = Request::new("PUT", upload.href.clone(), Body::File(file.body()));
        put.authorized = false;
        put.headers = upload.headers();
        self.client.ok(&put)?;
        let Some(verify) = object
            .actions
            .as_ref()
            .and_then(|actions| actions.verify.as_ref())
        else {
            return Ok(());
        };
        let body = json!({"oid": file.sha256, "size": file.bytes});
        let mut check = Request::new("POST", verify.href.clone(), Body::Json(&body));
        // The token is for the Hub alone.
        check.authorized = verify.href.starts_with(&format!("{}/", self.client.base()));
        check.headers = verify.headers();
        self.client.ok(&check)?;
        Ok(())
    }

    fn commit(
        &self,
        publication: &Publication<'_>,
        files: &[Prepared<'_>],
    ) -> Result<Published, HubError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Committed {
            commit_oid: String,
            commit_url: String,
        }
        let header = json!({"summary": publication.message, "description": ""});
        let mut body = json!({"key": "header", "value": header}).to_string() + "\n";
        for file in files {
            body += &operation(file)?.to_string();
            body.push('\n');
        }
        let path = self.revision_path(publication, "commit");
        let ndjson = Body::Bytes(body.as_bytes(), "application/x-ndjson");
        let mut request = Request::new("POST", path, ndjson);
        request.idempotent = false;
        let response = self.client.send(&request)?;
        if response.status >= 400 {
            return Err(self.refusal(&response, publication.what()));
        }
        let committed: Committed = self.client.parse(&response)?;
        Ok(Published {
            commit: committed.commit_oid,
            url: committed.commit_url,
            files: files.iter().map(|file| file.file.name.clone()).collect(),
        })
    }

    fn revision_path(&self, publication: &Publication<'_>, what: &str) -> String {
        let revision = encode(publication.revision);
        self.api(&format!("models/{}/{what}/{revision}", publication.repo))
    }
}

impl Publication<'_> {
    fn what(&self) -> String {
        format!("{} at {}", self.repo, self.revision)
    }
}

/// What the Hub says about a large file.
#[derive(Deserialize)]
struct Object {
    oid: String,
    actions: Option<Actions>,
    error: Option<ObjectError>,
}

#[derive(Deserialize)]
struct ObjectError {
    code: i64,
    message: String,
}

#[derive(Deserialize)]
struct Actions {
    upload: Option<Action>,
    verify: Option<Action>,
}

#[derive(Deserialize)]
struct Action {
    href: String,
    #[serde(default)]
    header: Map<String, Value>,
}

impl Action {
    fn headers(&self) -> Vec<(String, String)> {
        let headers = self.header.iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        headers.collect()
    }
}

/// A file's line of the commit.
fn operation(file: &Prepared<'_>) -> Result<Value, HubError> {
    let name = &file.file.name;
    if file.is_large {
        return Ok(json!({"key": "lfsFile", "value": {
            "path": name, "algo": "sha256", "oid": file.sha256, "size": file.bytes,
        }}));
    }
    Ok(json!({"key": "file", "value": {
        "path": name, "encoding": "base64", "content": STANDARD.encode(file.read()?),
    }}))
}
