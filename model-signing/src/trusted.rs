//! The keys that are trusted.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::SigningError;
use crate::key::PublicKey;
use crate::key_file::{self, unreadable};

/// What the files of keys end with.
const PEM: &str = "pem";

/// Public keys, each with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKeys(Vec<(String, PublicKey)>);

impl TrustedKeys {
    /// One key.
    #[must_use]
    pub fn one(name: &str, key: PublicKey) -> Self {
        Self(vec![(name.to_owned(), key)])
    }

    /// The key of a PEM file; its name is the file's, without its ending.
    ///
    /// # Errors
    /// When the file cannot be read, is over 64 KiB or holds no public key on P-256.
    pub fn from_file(path: &Path) -> Result<Self, SigningError> {
        let (name, key) = read_key(path)?;
        Ok(Self::one(&name, key))
    }

    /// The keys of a folder's files `*.pem`, each named as its file without its ending.
    ///
    /// # Errors
    /// When there is none, or one cannot be read, is not a regular file of at most 64 KiB or holds no
    /// public key on P-256: a key that somebody meant to be trusted is no reason to go on without
    /// it.
    pub fn from_folder(folder: &Path) -> Result<Self, SigningError> {
        let reading = |error: io::Error| SigningError::Read {
            path: folder.to_owned(),
            error,
        };
        let mut keys = Vec::new();
        for entry in fs::read_dir(folder).map_err(reading)? {
            let path = entry.map_err(reading)?.path();
            if path.extension().is_some_and(|ending| ending == PEM) {
                check_regular(&path).map_err(|error| unreadable(&path, error))?;
                keys.push(read_key(&path)?);
            }
        }
        if keys.is_empty() {
            let problem = format!("{} has no public key (*.pem)", folder.display());
            return Err(SigningError::Key(problem));
        }
        keys.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Self(keys))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &PublicKey)> + Clone {
        self.0.iter().map(|(name, key)| (name.as_str(), key))
    }

    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        names.join(", ")
    }
}

/// A server reads the folder again and again: a named pipe in it would be waited for.
fn check_regular(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() {
        return Ok(());
    }
    let problem = "it is not a regular file";
    Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

fn read_key(path: &Path) -> Result<(String, PublicKey), SigningError> {
    let key = key_file::read(path, PublicKey::from_pem)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    // `risk.pub.pem`, as `keygen` names it, is the key `risk`.
    let name = name.strip_suffix(".pub").unwrap_or(&name).to_owned();
    Ok((name, key))
}
