//! Whether the process of a run still works: it holds a lock on a file in the run's folder, which
//! the system takes back when the process ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) const FILE: &str = "running.lock";

/// How long a reader of the lock may be in the way of a process that takes it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The lock; it ends with this or with the process.
#[derive(Debug)]
pub(crate) struct RunningLock {
    path: PathBuf,
    _file: File,
}

impl RunningLock {
    /// Takes the lock of a run's folder; `None` when another process has it.
    ///
    /// # Errors
    /// When its file cannot be created.
    pub(crate) fn take(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join(FILE);
        let file = File::create(&path)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(PATIENCE / 100);
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                // Without locks, as on some network disks, a run can only say that it works.
                Ok(()) | Err(TryLockError::Error(_)) => {
                    return Ok(Some(Self { path, _file: file }));
                }
            }
        }
    }

    /// The run has ended: nobody needs the file.
    pub(crate) fn remove(self) {
        // What is left of it says no more than no file.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether some process holds the lock of a run's folder.
pub(crate) fn is_held(folder: &Path) -> bool {
    let path = folder.join(FILE);
    // A named pipe would be waited for.
    let is_plain = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
    let Some(file) = is_plain.then(|| File::open(path).ok()).flatten() else {
        return false;
    };
    match file.try_lock_shared() {
        Ok(()) => false,
        // Where the system does not tell, what the run says of itself counts.
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
    }
}
