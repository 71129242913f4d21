//! Writing a file so that at every moment it is either the old one or the whole new one.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that is written aside and takes its place when it is complete.
///
/// Dropped without [`WholeFile::commit`] it leaves no trace, and what was there stays.
#[derive(Debug)]
pub struct WholeFile {
    target: PathBuf,
    aside: BufWriter<NamedTempFile>,
}

impl WholeFile {
    /// Begins a file beside `target`.
    ///
    /// # Errors
    /// When the folder is not there or not writable, or what is there is not a regular file.
    pub fn create(target: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".underwrite-");
        let replaced = std::fs::metadata(target).ok();
        if replaced.as_ref().is_some_and(|old| !old.is_file()) {
            let problem = "what is there is not a regular file: name another one";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Those of the file that is replaced; of a new one, as always, less the umask.
            let new = || std::fs::Permissions::from_mode(0o666);
            builder.permissions(replaced.as_ref().map_or_else(new, |old| old.permissions()));
        }
        // A link stays, and what it names is replaced.
        let target = match replaced {
            Some(_) => std::fs::canonicalize(target)?,
            None => target.to_owned(),
        };
        Ok(Self {
            aside: BufWriter::new(builder.tempfile_in(folder(&target))?),
            target,
        })
    }

    /// Makes sure that the file is on the disk and moves it to its place.
    ///
    /// # Errors
    /// When the disk is full, or the place is taken by a folder.
    pub fn commit(self) -> io::Result<()> {
        let aside = self
            .aside
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        aside.as_file().sync_all()?;
        aside.persist(&self.target)?;
        #[cfg(unix)]
        File::open(folder(&self.target))?.sync_all()?;
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.aside.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.aside.flush()
    }
}

/// Writes `bytes` to `target`, whole or not at all.
///
/// # Errors
/// As [`WholeFile`].
pub fn write_whole(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = WholeFile::create(target)?;
    file.write_all(bytes)?;
    file.commit()
}

fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn replaces_only_when_committed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.txt");
        write_whole(&target, b"old").unwrap();

        let mut abandoned = WholeFile::create(&target).unwrap();
        abandoned.write_all(b"half").unwrap();
        drop(abandoned);
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.txt"]);

        write_whole(&target, b"new").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_permissions_too() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("a.txt"), folder.path().join("link"));
        std::fs::write(&target, b"old").unwrap();
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&target, &link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        let mode = std::fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for target in [folder.path(), &socket] {
            let error = write_whole(target, b"x").unwrap_err();
            assert!(error.to_string().contains("not a regular file"), "{error}");
        }
        assert_eq!(names(folder.path()), ["socket"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(write_whole(Path::new("/nowhere/at/all/a.txt"), b"x").is_err());
    }
}
