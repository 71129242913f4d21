//! The files of a folder.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::sha256_file;
use crate::error::SigningError;
use crate::key_file;
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
    /// The names of all files of a folder, sorted, and where they are.
    ///
    /// # Errors
    /// When something cannot be read, or is neither a file nor a folder.
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
                return Err(link(&name));
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

/// Refuses files with a private key: whoever gets a signed folder would get it, too.
///
/// # Errors
/// Names the first one, also where a file cannot be read.
pub(crate) fn keep_keys_out(files: &[(String, PathBuf)]) -> Result<(), SigningError> {
    for (name, path) in files {
        if key_file::has_private_key(path).map_err(reading(path))? {
            let problem = format!(
                "{name} has a private key, which would go wherever the folder goes: keep it elsewhere"
            );
            return Err(SigningError::Folder(problem));
        }
    }
    Ok(())
}

/// Where this file of a folder is, compared with its digest.
///
/// # Errors
/// When it is missing, altered, or no plain file in plain folders.
pub(crate) fn named_file(folder: &Path, named: &Resource) -> Result<PathBuf, SigningError> {
    let path = plain_file(folder, &named.name)?;
    let found = sha256_file(&path).map_err(reading(&path))?;
    match found == named.digest {
        true => Ok(path),
        false => Err(SigningError::Differs(vec![altered(
            &named.name,
            &named.digest,
            &found,
        )])),
    }
}

/// The path of a file whose folders and itself are no links.
fn plain_file(folder: &Path, name: &str) -> Result<PathBuf, SigningError> {
    let mut path = folder.to_owned();
    for part in name.split('/') {
        path.push(part);
        let kind = fs::symlink_metadata(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SigningError::Differs(vec![missing(name)]),
            _ => reading(&path)(error),
        })?;
        if kind.is_symlink() {
            return Err(link(name));
        }
    }
    match path.is_file() {
        true => Ok(path),
        false => Err(SigningError::Folder(format!("{name} is not a file"))),
    }
}

/// What a write that broke off left in a folder.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Left {
    /// Half of a file, or one that was not put in its place.
    pub files: Vec<PathBuf>,
    /// Bundles beside them. They say whose the files are that were put in their place, so they
    /// are needed until all of these are replaced.
    pub signatures: Vec<PathBuf>,
}

/// A folder that files would be written into.
pub(crate) struct Target<'a> {
    pub(crate) folder: &'a Path,
    /// The file for which the caller answers.
    pub(crate) main: &'a str,
    /// Whether a file of this name is none of the folder's: it has not been put in its place.
    pub(crate) is_aside: fn(&str) -> bool,
}

impl Target<'_> {
    /// The files in it, and in no folder within, that are not yet in their place.
    pub(crate) fn asides(&self) -> Result<Vec<PathBuf>, SigningError> {
        let mut asides = Vec::new();
        if self.folder.exists() {
            for entry in fs::read_dir(self.folder).map_err(reading(self.folder))? {
                let path = entry.map_err(reading(self.folder))?.path();
                if self.is_aside(&path) {
                    asides.push(path);
                }
            }
        }
        Ok(asides)
    }

    fn is_aside(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        let kind = fs::symlink_metadata(path);
        name.is_some_and(self.is_aside) && kind.is_ok_and(|kind| kind.is_file())
    }

    /// Whether nothing but such files is there: a write that broke off made the folder for them.
    fn is_nothing(&self, path: &Path) -> bool {
        let kind = fs::symlink_metadata(path);
        if !kind.is_ok_and(|kind| kind.is_dir()) {
            return self.is_aside(path);
        }
        fs::read_dir(path).is_ok_and(|mut entries| {
            entries.all(|entry| entry.is_ok_and(|entry| self.is_nothing(&entry.path())))
        })
    }
}

/// Refuses to write files of these names into a folder with others, which their signature would
/// not cover; `earlier` are those that its own signatures cover. Returns what is not yet in its
/// place.
///
/// # Errors
/// See [`Bundle::check_target`](crate::Bundle::check_target).
pub(crate) fn check_target(
    target: &Target<'_>,
    earlier: &[Resource],
    named: &[Resource],
) -> Result<Vec<PathBuf>, SigningError> {
    let Target { folder, main, .. } = *target;
    for one in named {
        check_plain_name(&one.name)?;
    }
    let others = || named.iter().filter(|one| one.name != main);
    let goes_there = |name: &str| name == main || others().any(|one| one.name == name);
    for one in earlier.iter().filter(|one| !goes_there(&one.name)) {
        let path = folder.join(&one.name);
        if fs::symlink_metadata(&path).is_ok() {
            let problem = format!("{} is of an earlier version alone", path.display());
            return Err(SigningError::Outdated(problem));
        }
    }
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let first = |one: &Resource| one.name.split('/').next().map(str::to_owned);
    let known: BTreeSet<_> = earlier.iter().chain(named).filter_map(first).collect();
    for entry in fs::read_dir(folder).map_err(reading(folder))? {
        let path = entry.map_err(reading(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_known = *name == *main || IGNORED.contains(&&*name) || known.contains(&*name);
        if !is_known && !target.is_nothing(&path) {
            return Err(SigningError::Occupied(format!("{} exists", path.display())));
        }
    }
    others().try_for_each(|one| check_free(folder, earlier, one))?;
    // Beside these files, in a folder of theirs.
    let reading = Reading {
        ignored: &[],
        allow_symlinks: false,
    };
    let files = reading.files(folder).map_err(|error| match error {
        SigningError::Folder(problem) => SigningError::Occupied(problem),
        other => other,
    })?;
    let others = files.into_iter().filter(|(name, _)| !goes_there(name));
    let left = others.map(|(_, path)| match target.is_aside(&path) {
        true => Ok(path),
        false => Err(SigningError::Occupied(format!("{} exists", path.display()))),
    });
    left.collect()
}

/// Refuses names that programs look for where they are, and those that a terminal would obey.
fn check_plain_name(name: &str) -> Result<(), SigningError> {
    let problem = if name.contains(char::is_control) {
        format!("it names the file {name:?}, with a control character")
    } else if name.split('/').any(|part| part.starts_with('.')) {
        format!("it names the hidden file {name}, and none is written")
    } else {
        return Ok(());
    };
    Err(SigningError::Unsupported(problem))
}

/// Refuses a file that is there, unless it is the same or as an earlier signature has it.
fn check_free(folder: &Path, earlier: &[Resource], one: &Resource) -> Result<(), SigningError> {
    let mut path = folder.to_owned();
    for part in one.name.split('/') {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(kind) if kind.is_symlink() => {
                let problem = format!("{} is a symbolic link", path.display());
                return Err(SigningError::Occupied(problem));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(reading(&path)(error)),
        }
    }
    let problem = |what: &str| SigningError::Occupied(format!("{} {what}", path.display()));
    if !path.is_file() {
        return Err(problem("is not a file"));
    }
    let found = sha256_file(&path).map_err(reading(&path))?;
    let mut earlier = earlier
        .iter()
        .filter(|other| other.name == one.name)
        .peekable();
    let is_known = earlier.peek().is_some();
    match earlier.chain([one]).any(|other| other.digest == found) {
        true => Ok(()),
        false if is_known => Err(problem("was changed by somebody else")),
        false => Err(problem("exists")),
    }
}

fn link(name: &str) -> SigningError {
    SigningError::Folder(format!(
        "{name} is a symbolic link: put the file itself there"
    ))
}

/// What is said of a file that is not as it was signed.
pub(crate) fn altered(name: &str, signed: &str, found: &str) -> String {
    format!("{name} was altered: its SHA-256 is {found}, {signed} was signed")
}

/// What is said of a file that is not there.
pub(crate) fn missing(name: &str) -> String {
    format!("{name} is missing")
}

/// The SHA-256 of each file, which is read whole.
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
