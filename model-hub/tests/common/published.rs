//! What is published, and how it comes back.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

use model_client::Secret;
use model_hub::{
    Fetched, FileToPublish, Hub, HubError, HubOptions, MODEL_FILE, Publication, Published, RepoId,
};

use super::{impatient, model_bytes};

pub(crate) fn options(endpoint: &str, token: Option<&str>) -> HubOptions {
    HubOptions {
        endpoint: endpoint.to_owned(),
        token: token.map(Secret::new),
        retry: impatient(),
        ..HubOptions::default()
    }
}

pub(crate) fn repo() -> RepoId {
    "acme/loan".parse().unwrap()
}

/// The model of a revision.
pub(crate) fn fetch(
    options: &HubOptions,
    repo: &RepoId,
    revision: &str,
    cache: &Path,
) -> Result<Fetched, HubError> {
    Hub::new(options).fetch(repo, MODEL_FILE, revision, cache)
}

/// A model, its card and a report, on the disk.
pub(crate) fn files(folder: &Path) -> Vec<FileToPublish> {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name.replace('/', "-"));
        fs::write(&path, bytes).unwrap();
        FileToPublish {
            name: name.to_owned(),
            path,
            sha256: None,
        }
    };
    vec![
        write(MODEL_FILE, &model_bytes()),
        write("README.md", b"---\nlicense: mit\n---\n# Loan\n"),
        write("reports/evaluation.html", "<p>größer".as_bytes()),
    ]
}

pub(crate) fn publish(
    options: &HubOptions,
    files: &[FileToPublish],
) -> Result<Published, HubError> {
    Hub::new(options).publish(&Publication {
        repo: &repo(),
        revision: "main",
        private: false,
        message: "A model",
        files,
    })
}

/// Every file below a folder.
pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

pub(crate) fn read(fetched: &Fetched) -> Vec<u8> {
    fs::read(&fetched.path).unwrap()
}
