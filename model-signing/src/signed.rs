//! A statement that a trusted key signed, against what is on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::error::SigningError;
use crate::folder::{Reading, altered, digests, missing};
use crate::statement::{Resource, Statement};

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// What the one who trusts the key calls it.
    pub name: String,
    /// The key's id: SHA-256 of its PEM file, 64 lower-case hexadecimal digits.
    pub key: String,
}

/// What a trusted key signed.
#[derive(Debug)]
pub struct Signed {
    signer: Signer,
    statement: Statement,
}

impl Signed {
    pub(crate) fn new(signer: Signer, statement: Statement) -> Self {
        Self { signer, statement }
    }

    /// Who signed.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The folder's name when it was signed; it may have another one now.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.statement.subject
    }

    /// The files that were signed.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.statement.resources
    }

    /// Checks one file by its name in the folder and its SHA-256, 64 lower-case hexadecimal
    /// digits.
    ///
    /// # Errors
    /// When it was not signed, or with other content.
    pub fn check_file(&self, name: &str, sha256: &str) -> Result<(), SigningError> {
        let signed = self.resources().iter().find(|one| one.name == name);
        let difference = compare(name, signed.map(|one| one.digest.as_str()), Some(sha256));
        differ(difference.into_iter().collect())
    }

    /// Checks that a folder has the files that were signed, unaltered, and no others.
    ///
    /// # Errors
    /// Names what is altered, missing or was added, or says what cannot be read.
    pub fn check_folder(&self, folder: &Path) -> Result<(), SigningError> {
        let reading = Reading {
            ignored: &self.statement.ignored,
            allow_symlinks: self.statement.allow_symlinks,
        };
        let files = reading.files(folder)?;
        let signed = by_name(self.resources());
        let names: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let gone = signed.keys().filter(|name| !names.contains(*name));
        let gone = gone.map(|name| missing(name));
        let added = names.iter().filter(|name| !signed.contains_key(*name));
        let added = added.map(|name| format!("{name} was not signed"));
        // Nothing is read of a folder with a file too many: that may have any length.
        differ(gone.chain(added).collect())?;
        let found = digests(files)?;
        let differences = found.iter().filter_map(|one| {
            compare(
                &one.name,
                signed.get(one.name.as_str()).copied(),
                Some(&one.digest),
            )
        });
        differ(differences.collect())
    }
}

fn differ(differences: Vec<String>) -> Result<(), SigningError> {
    match differences.is_empty() {
        true => Ok(()),
        false => Err(SigningError::Differs(differences)),
    }
}

fn by_name(resources: &[Resource]) -> BTreeMap<&str, &str> {
    let pairs = resources.iter();
    pairs
        .map(|one| (one.name.as_str(), one.digest.as_str()))
        .collect()
}

/// What differs between a file as it was signed and as it is.
fn compare(name: &str, signed: Option<&str>, found: Option<&str>) -> Option<String> {
    match (signed, found) {
        (Some(signed), Some(found)) if signed == found => None,
        (Some(signed), Some(found)) => Some(altered(name, signed, found)),
        (Some(_), None) => Some(missing(name)),
        (None, Some(_)) => Some(format!("{name} was not signed")),
        (None, None) => None,
    }
}
