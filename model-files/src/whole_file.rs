//! Atomic writes: at every moment a file is either the old one or the whole new one.

use std::fs;
#[cfg(unix)]
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{NamedTempFile, TempPath};

use crate::sha256::Hashing;

/// How files that are being written are called: this, and six random characters.
const PREFIX: &str = ".underwrite-";
const RANDOM: usize = 6;

/// A file that nobody has written to for so long was left by a process that was killed.
const LEFT_AFTER: Duration = Duration::from_secs(60 * 60);

/// A file that is written beside its target and replaces it when it is complete.
///
/// Dropped without [`WholeFile::commit`] it leaves no trace, and the target stays as it was.
#[derive(Debug)]
pub struct WholeFile {
    target: PathBuf,
    aside: BufWriter<NamedTempFile>,
    /// What it gets when it is complete.
    permissions: fs::Permissions,
}

impl WholeFile {
    /// Begins a file beside `target`. It gets the permissions of the file that it replaces; a
    /// new one gets 0666 less the umask. A symbolic link stays, and the file that it names is
    /// replaced.
    ///
    /// # Errors
    /// When the folder does not exist or is not writable, or the target is not a regular file.
    pub fn create(target: &Path) -> io::Result<Self> {
        Self::create_as(target, None)
    }

    /// As [`WholeFile::create`], with these Unix permissions less the umask, whatever those of
    /// the file that is replaced; 0o600 is for secrets. Elsewhere `mode` has no effect.
    ///
    /// # Errors
    /// As [`WholeFile::create`].
    pub fn create_with_mode(target: &Path, mode: u32) -> io::Result<Self> {
        Self::create_as(target, Some(mode))
    }

    fn create_as(target: &Path, mode: Option<u32>) -> io::Result<Self> {
        let replaced = fs::metadata(target).ok();
        if replaced.as_ref().is_some_and(|old| !old.is_file()) {
            let problem = "what is there is not a regular file: name another one";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        set_permissions(&mut builder, mode, replaced.as_ref());
        // The link stays: it is the file behind it that is replaced.
        let target = match replaced {
            Some(_) => fs::canonicalize(target)?,
            None => target.to_owned(),
        };
        sweep(folder(&target));
        let aside = builder.tempfile_in(folder(&target))?;
        hold(aside.as_file());
        let permissions = aside.as_file().metadata()?.permissions();
        // Half a file is nobody else's, whatever the whole one is.
        set_private(aside.as_file())?;
        Ok(Self {
            aside: BufWriter::new(aside),
            target,
            permissions,
        })
    }

    /// Where the file is until it is complete, with everything that was written to it so far.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn written(&mut self) -> io::Result<&Path> {
        self.aside.flush()?;
        Ok(self.aside.get_ref().path())
    }

    /// Syncs what was written so far to the disk.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn sync(&mut self) -> io::Result<()> {
        self.aside.flush()?;
        self.aside.get_ref().as_file().sync_all()
    }

    /// Syncs the file to the disk and closes it. Of several files that belong together, each is
    /// made ready before the first is committed: no full disk comes between them then.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn ready(self) -> io::Result<ReadyFile> {
        let aside = self
            .aside
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        aside.as_file().set_permissions(self.permissions)?;
        aside.as_file().sync_all()?;
        Ok(ReadyFile {
            target: self.target,
            aside: aside.into_temp_path(),
        })
    }

    /// Syncs the file to the disk and renames it to its target.
    ///
    /// # Errors
    /// When the disk is full, or the target has become a folder.
    pub fn commit(self) -> io::Result<()> {
        self.ready()?.commit()
    }
}

/// A whole file on the disk, beside its target, that is not open: see [`WholeFile::ready`].
///
/// Dropped without [`ReadyFile::commit`] it leaves no trace, and the target stays as it was.
#[derive(Debug)]
pub struct ReadyFile {
    target: PathBuf,
    aside: TempPath,
}

impl ReadyFile {
    /// Renames the file to its target.
    ///
    /// # Errors
    /// When the target has become a folder.
    pub fn commit(self) -> io::Result<()> {
        self.aside.persist(&self.target)?;
        sync_folder(folder(&self.target))
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
    fill(WholeFile::create(target)?, bytes)
}

/// As [`write_whole`], with the permissions of [`WholeFile::create_with_mode`].
///
/// # Errors
/// As [`WholeFile`].
pub fn write_whole_with_mode(target: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    fill(WholeFile::create_with_mode(target, mode)?, bytes)
}

/// Copies all of `from` to `target`, whole or not at all; returns its length in bytes and its
/// SHA-256, 64 lower-case hexadecimal digits.
///
/// # Errors
/// As [`WholeFile`], or when `from` fails.
pub fn copy_whole(from: impl Read, target: &Path) -> io::Result<(u64, String)> {
    let mut file = WholeFile::create(target)?;
    let mut from = Hashing::new(from);
    let length = io::copy(&mut from, &mut file)?;
    file.commit()?;
    Ok((length, from.finish()))
}

fn fill(mut file: WholeFile, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.commit()
}

/// Whether a [`WholeFile`] has such a name until it is committed, or had it when its process was
/// killed.
#[must_use]
pub fn is_aside(name: &str) -> bool {
    let end = name.strip_prefix(PREFIX);
    end.is_some_and(|end| end.len() == RANDOM)
}

/// Whether a process still writes a file that [`is_aside`]. Where the system does not tell, each
/// counts as if one did.
#[must_use]
pub fn is_held(path: &Path) -> bool {
    match open_for_locking(path) {
        Ok(file) if cfg!(unix) => file.try_lock().is_err(),
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Whether a process certainly has the file locked.
fn is_locked(path: &Path) -> bool {
    let file = open_for_locking(path);
    file.is_ok_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)))
}

fn open_for_locking(path: &Path) -> io::Result<fs::File> {
    // Some network file systems lock only what is open for writing, which a file for readers alone
    // cannot be.
    match fs::OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => fs::File::open(path),
        opened => opened,
    }
}

/// Removes what a process that was killed left in this folder.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let is_left = |entry: &fs::DirEntry| {
        let is_ours = entry.file_name().to_str().is_some_and(is_aside);
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        is_ours && age().is_some_and(|age| age > LEFT_AFTER) && !is_locked(&entry.path())
    };
    for entry in entries.flatten().filter(is_left) {
        // Another process may have removed it.
        let _ = fs::remove_file(entry.path());
    }
}

/// Locks a file for as long as it is open. Where there are no locks, as on some network disks, its
/// age alone says whether it was left.
#[cfg(unix)]
fn hold(file: &File) {
    let _ = file.try_lock();
}

/// A lock would keep others from reading the file.
#[cfg(not(unix))]
fn hold(_: &fs::File) {}

#[cfg(unix)]
fn set_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn set_private(_: &fs::File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn set_permissions(
    builder: &mut tempfile::Builder<'_, '_>,
    mode: Option<u32>,
    replaced: Option<&fs::Metadata>,
) {
    use std::os::unix::fs::PermissionsExt;
    let permissions = match (mode, replaced) {
        (Some(mode), _) => fs::Permissions::from_mode(mode),
        (None, Some(old)) => old.permissions(),
        // As for any new file; the default of a temporary one is the owner alone.
        (None, None) => fs::Permissions::from_mode(0o666),
    };
    builder.permissions(permissions);
}

#[cfg(not(unix))]
fn set_permissions(_: &mut tempfile::Builder<'_, '_>, _: Option<u32>, _: Option<&fs::Metadata>) {}

/// The rename is on the disk only when the folder is. A folder that can be written but not read
/// cannot be synced, and the file is in its place already.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder).map_or(Ok(()), |folder| folder.sync_all())
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
