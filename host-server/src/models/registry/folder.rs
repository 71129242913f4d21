//! `models/<name>/<version>/model.wasm` on a disk.

use std::cmp::Ordering;
use std::io;
use std::path::{Path, PathBuf};

/// What a model's folder holds.
pub(super) struct Found {
    /// Version and file, oldest first.
    pub(super) versions: Vec<(String, PathBuf)>,
    /// `deployment.toml`, if it is there.
    pub(super) deployment: Option<io::Result<String>>,
}

/// The names of the folders in `folder`, without hidden ones.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        match name.to_str() {
            Some(name) if !name.starts_with('.') && entry.path().is_dir() => {
                names.push(name.to_owned());
            }
            _ => {}
        }
    }
    names.sort();
    Ok(names)
}

/// What there is of one model. A folder that cannot be read has no versions.
pub(super) fn versions(folder: &Path) -> Found {
    let mut versions: Vec<(String, PathBuf)> = names(folder)
        .unwrap_or_default()
        .into_iter()
        .map(|version| {
            let file = folder.join(&version).join("model.wasm");
            (version, file)
        })
        .filter(|(_, file)| file.is_file())
        .collect();
    versions.sort_by(|(a, _), (b, _)| order(a, b));
    let deployment = match std::fs::read_to_string(folder.join("deployment.toml")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => Some(other),
    };
    Found {
        versions,
        deployment,
    }
}

/// The order of versions: numbers as numbers (`1.10.0` after `1.9.0`), the rest as text; a
/// version that goes on with a dash comes before the one that does not (`2.0.0-rc.1`).
pub(super) fn order(a: &str, b: &str) -> Ordering {
    let split = |version: &str| match version.split_once('-') {
        Some((release, rest)) => (release.to_owned(), Some(rest.to_owned())),
        None => (version.to_owned(), None),
    };
    let ((a, a_rest), (b, b_rest)) = (split(a), split(b));
    numbers_first(&a, &b).then_with(|| match (a_rest, b_rest) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => numbers_first(&a, &b),
    })
}

fn numbers_first(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(Option<u64>, String)> {
        text.trim_start_matches('v')
            .split('.')
            .map(|part| (part.parse().ok(), part.to_owned()))
            .collect()
    };
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}
