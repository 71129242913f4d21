//! The file system, as far as the log needs it: a trait, so that tests can cut the power.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file system. What is not synced may be lost, torn or reordered by a power cut: content by
/// [`DiskFile::sync`], names by [`Disk::sync_folder`].
pub trait Disk: Debug + Send + Sync {
    /// Reads a whole file.
    ///
    /// # Errors
    /// When it does not exist or cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Opens a file for writing; makes it when `create` is set. A new file is readable by its
    /// owner alone when `private` is set.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn DiskFile>>;

    /// Whether there is a file or folder of this name.
    fn exists(&self, path: &Path) -> bool;

    /// Whether others than the owner may read or write the file; `false` where a system has no
    /// such permissions.
    ///
    /// # Errors
    /// When the file does not exist.
    fn is_open_to_others(&self, path: &Path) -> io::Result<bool>;

    /// The names in a folder and whether each is a folder, sorted.
    ///
    /// # Errors
    /// When it is no folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<(String, bool)>>;

    /// Makes a folder with all above it.
    ///
    /// # Errors
    /// When it cannot be made.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;

    /// Gives a file another name; a file of that name is replaced.
    ///
    /// # Errors
    /// When it cannot be renamed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file, or a folder that is empty.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// When the disk fails.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Locks a file for this process; the lock ends with the value. `None` when another has it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Debug + Send + Sync>>>;

    /// Whether anybody has the lock of a file.
    ///
    /// # Errors
    /// When the file cannot be opened.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It must exist; for reading.
    Read,
    /// It must exist; for reading and writing.
    Existing,
    /// It is made, or emptied.
    New,
    /// As `New`, and only its owner may read it.
    NewPrivate,
}

/// An open file.
pub trait DiskFile: Debug + Send {
    /// Its length in bytes.
    ///
    /// # Errors
    /// When the system cannot tell.
    fn len(&self) -> io::Result<u64>;

    /// Whether it is empty.
    ///
    /// # Errors
    /// As [`DiskFile::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads at an offset into `into`; the bytes that were read, less only at the end.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at an offset.
    ///
    /// # Errors
    /// When the disk is full or fails; a part may have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file.
    ///
    /// # Errors
    /// When it cannot be cut.
    fn cut(&mut self, len: u64) -> io::Result<()>;

    /// Makes the content durable.
    ///
    /// # Errors
    /// When the disk fails. It must not be called again: the system may have forgotten what it
    /// could not write.
    fn sync(&mut self) -> io::Result<()>;
}

/// Where a file is written before it gets its name.
pub(crate) fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// Writes a file whole or not at all, and durably.
pub(crate) fn write_whole(disk: &dyn Disk, path: &Path, bytes: &[u8], how: How) -> io::Result<()> {
    let aside = aside(path);
    let write = || {
        let mut file = disk.open(&aside, how)?;
        file.write_at(0, bytes)?;
        file.sync()?;
        drop(file);
        disk.rename(&aside, path)
    };
    write().inspect_err(|_| forget(disk, &aside))?;
    match path.parent() {
        Some(folder) => disk.sync_folder(folder),
        None => Ok(()),
    }
}

/// Whether [`write_whole`] may write so many bytes now: writes as many where it does, and removes
/// them. A disk may still say otherwise later, as some over a network do.
pub(crate) fn try_whole(disk: &dyn Disk, path: &Path, len: usize, how: How) -> io::Result<()> {
    let aside = aside(path);
    let written = disk.open(&aside, how)?.write_at(0, &vec![0; len]);
    // Durably: a log that is closed has no such file, whenever the power is cut.
    let removed = disk.remove(&aside).and_then(|()| match path.parent() {
        Some(folder) => disk.sync_folder(folder),
        None => Ok(()),
    });
    written.and(removed)
}

/// Writes a file that can be derived again: whole for who reads it, and durable whenever the
/// system likes.
pub(crate) fn write_derived(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = aside(path);
    let write = || {
        disk.open(&aside, How::New)?.write_at(0, bytes)?;
        disk.rename(&aside, path)
    };
    write().inspect_err(|_| forget(disk, &aside))
}

/// Removes what could not be written; where even that fails, the next start does it.
fn forget(disk: &dyn Disk, aside: &Path) {
    let _ = disk.remove(aside);
}

/// The file system of this machine. It reads and writes regular files alone: opening a named pipe
/// would wait for whoever holds its other end, and a device may never end.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

/// The longest file that is read whole, in bytes: the longest that the log writes is a model, of
/// at most 80 MiB.
const LONGEST: u64 = 256 << 20;

/// Refuses what is there and is not a regular file, before it is opened.
fn check_regular(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let problem = "it is not a regular file: the log consists of regular files alone";
            Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
        }
        // What is missing is made, or opening it says so.
        _ => Ok(()),
    }
}

impl Disk for RealDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        check_regular(path)?;
        let mut bytes = Vec::new();
        File::open(path)?
            .take(LONGEST + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LONGEST {
            let problem = format!("it is longer than {} MiB", LONGEST >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(bytes)
    }

    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn DiskFile>> {
        check_regular(path)?;
        let new = matches!(how, How::New | How::NewPrivate);
        let mut options = OpenOptions::new();
        options.read(true).write(how != How::Read);
        options.create(new).truncate(new);
        #[cfg(unix)]
        if how == How::NewPrivate {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        Ok(Box::new(options.open(path)?))
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn is_open_to_others(&self, path: &Path) -> io::Result<bool> {
        let metadata = fs::metadata(path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            Ok(metadata.permissions().mode() & 0o077 != 0)
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            Ok(false)
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, bool)>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            names.push((name, entry.file_type()?.is_dir()));
        }
        names.sort();
        Ok(names)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if fs::symlink_metadata(path)?.is_dir() {
            fs::remove_dir(path)
        } else {
            fs::remove_file(path)
        }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        // Windows cannot open a folder as a file; its journal keeps names in order.
        if cfg!(unix) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Debug + Send + Sync>>> {
        check_regular(path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        check_regular(path)?;
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            // A file system without locks: nobody has one.
            Err(TryLockError::Error(_)) => Ok(false),
        }
    }
}

// One system call each, where the system has them.
#[cfg(unix)]
fn read_some(file: &mut File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, offset)
}

#[cfg(unix)]
fn write_all(file: &mut File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_some(file: &mut File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read(into)
}

#[cfg(not(unix))]
fn write_all(file: &mut File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < into.len() {
            match read_some(self, offset + read as u64, &mut into[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        write_all(self, offset, bytes)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
