//! `models/<name>/<version>/model.wasm` on a disk.

use std::cmp::Ordering;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::deployment;

/// What the file of a version is called.
pub(super) const MODEL: &str = "model.wasm";

/// What a model's folder holds.
pub(super) struct Found {
    folder: PathBuf,
    /// Since when it was read.
    pub(super) at: Instant,
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

/// Models' files that lie one or two folders too high to be found.
pub(super) fn misplaced(folder: &Path, names: &[String]) -> Vec<PathBuf> {
    let above = names.iter().map(|name| folder.join(name).join(MODEL));
    let files = std::iter::once(folder.join(MODEL)).chain(above);
    files.filter(|file| file.is_file()).collect()
}

/// What there is of one model. A folder that cannot be read has no versions.
pub(super) fn versions(folder: &Path) -> Found {
    let at = Instant::now();
    let mut versions: Vec<(String, PathBuf)> = names(folder)
        .unwrap_or_default()
        .into_iter()
        .map(|version| {
            let file = folder.join(&version).join(MODEL);
            (version, file)
        })
        .filter(|(_, file)| file.is_file())
        .collect();
    versions.sort_by(|(a, _), (b, _)| order(a, b));
    Found {
        folder: folder.to_owned(),
        at,
        versions,
        deployment: deployment(folder),
    }
}

impl Found {
    /// Reads `deployment.toml` again.
    pub(super) fn deployment_now(&self) -> Option<io::Result<String>> {
        deployment(&self.folder)
    }
}

fn deployment(folder: &Path) -> Option<io::Result<String>> {
    match deployment::text(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => Some(other),
    }
}

/// The order of versions: numbers as numbers (`1.10.0` after `1.9.0`), the rest as text. A
/// version that goes on with a dash comes before the one that does not (`2.0.0-rc.1`), one that
/// goes on with a plus after it (`2.0.0+policy2`).
pub(super) fn order(a: &str, b: &str) -> Ordering {
    let ((number, label), (other, other_label)) = (split(a), split(b));
    runs(number)
        .cmp(&runs(other))
        .then_with(|| label.0.cmp(&other_label.0))
        .then_with(|| runs(label.1).cmp(&runs(other_label.1)))
        // Two folders may name one version, `1.0.0` and `v1.0.0`.
        .then_with(|| a.cmp(b))
}

/// Where a label puts a version, compared with the same one without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Before,
    None,
    After,
}

fn split(version: &str) -> (&str, (Label, &str)) {
    match version.find(['-', '+']) {
        None => (version, (Label::None, "")),
        Some(at) if version[at..].starts_with('-') => {
            (&version[..at], (Label::Before, &version[at + 1..]))
        }
        Some(at) => (&version[..at], (Label::After, &version[at + 1..])),
    }
}

/// The runs of digits and of other characters: the former compare as numbers, so that
/// `policy10` comes after `policy2`.
fn runs(text: &str) -> Vec<(Option<(usize, &str)>, &str)> {
    let text = text.trim_start_matches('v');
    let is_digit = |at: usize| text.as_bytes()[at].is_ascii_digit();
    let starts = (0..text.len()).filter(|&at| at == 0 || is_digit(at) != is_digit(at - 1));
    let starts: Vec<usize> = starts.collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let runs = starts.iter().zip(ends);
    runs.map(|(&start, end)| text.get(start..end).unwrap_or_default())
        .map(|run| (number(run), run))
        .collect()
}

/// What digits compare by, however many there are.
fn number(run: &str) -> Option<(usize, &str)> {
    let is_number = run.starts_with(|first: char| first.is_ascii_digit());
    let digits = run.trim_start_matches('0');
    is_number.then_some((digits.len(), digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number_and_label() {
        let expected = [
            "0.9",
            "1.0.0-rc.1",
            "1.0.0-rc.2",
            "1.0.0-rc.10",
            "v1.0.0",
            "1.0.0+policy2",
            "1.0.0+policy010",
            "1.0.0+policy20261129120000123456",
            "1.9.0",
            "1.10.0-beta",
            "1.10.0",
            "2.0.0",
        ];
        let mut versions = expected;
        versions.reverse();
        versions.sort_by(|a, b| order(a, b));
        assert_eq!(versions, expected);
    }
}
