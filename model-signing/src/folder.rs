//! The files of a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::sha256_file;
use crate::error::SigningError;
use crate::statement::{IGNORED, Resource};

/// Folders within folders that are looked into.
const DEEPEST: usize = 32;

/// How to read a folder.
pub(crate) struct Reading<'a> {
    /// Paths that are not looked at, beside [`IGNORED`].
    pub(crate) ignored: &'a [String],
    /// Whether symbolic links are followed rather than refused.
    pub(crate) allow_symlinks: bool,
}

impl Reading<'_> {
    /// All files of a folder with their SHA-256, by path.
    ///
    /// # Errors
    /// When something cannot be read, or is neither a file nor a folder.
    pub(crate) fn resources(&self, folder: &Path) -> Result<Vec<Resource>, SigningError> {
        digests(self.files(folder)?)
    }

    /// The names of all files of a folder, sorted, and where they are.
    ///
    /// # Errors
    /// As [`Reading::resources`].
    pub(crate) fn files(&self, folder: &Path) -> Result<Vec<(String, PathBuf)>, SigningError> {
        let mut files = Vec::new();
        self.walk(folder, "", 0, &mut files)?;
        files.sort();
        Ok(files)
    }

    fn walk(
        &self,
        folder: &Path,
        prefix: &str,
        depth: usize,
        files: &mut Vec<(String, PathBuf)>,
    ) -> Result<(), SigningError> {
        if depth > DEEPEST {
            let problem = format!("{} is too deep", folder.display());
            return Err(SigningError::Folder(problem));
        }
        for entry in fs::read_dir(folder).map_err(reading(folder))? {
            let path = entry.map_err(reading(folder))?.path();
            let Some(own) = path.file_name().and_then(|name| name.to_str()) else {
                let problem = format!("the name of {} is not UTF-8", path.display());
                return Err(SigningError::Folder(problem));
            };
            let name = format!("{prefix}{own}");
            if self.ignores(&name) {
                continue;
            }
            let kind = fs::symlink_metadata(&path).map_err(reading(&path))?;
            if kind.is_symlink() && !self.allow_symlinks {
                return Err(SigningError::Folder(format!(
                    "{name} is a symbolic link: put the file itself there"
                )));
            }
            let kind = fs::metadata(&path).map_err(reading(&path))?;
            if kind.is_dir() {
                self.walk(&path, &format!("{name}/"), depth + 1, files)?;
            } else if kind.is_file() {
                files.push((name, path));
            } else {
                let problem = format!("{name} is neither a file nor a folder");
                return Err(SigningError::Folder(problem));
            }
        }
        Ok(())
    }

    fn ignores(&self, name: &str) -> bool {
        let given = self.ignored.iter().map(String::as_str);
        IGNORED.into_iter().chain(given).any(|path| path == name)
    }
}

/// Reads the files whole.
pub(crate) fn digests(files: Vec<(String, PathBuf)>) -> Result<Vec<Resource>, SigningError> {
    let resource = |(name, path): (String, PathBuf)| {
        let digest = sha256_file(&path).map_err(reading(&path))?;
        Ok(Resource::new(name, digest))
    };
    files.into_iter().map(resource).collect()
}

fn reading(path: &Path) -> impl Fn(io::Error) -> SigningError + '_ {
    |error| SigningError::Read {
        path: path.to_owned(),
        error,
    }
}
