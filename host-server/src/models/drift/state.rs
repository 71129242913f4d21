//! A window on the disk: a line with the model's digest, then the window's stored form with
//! its checksum. It is written aside, synced and renamed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use model_drift::live::{Live, StateError};
use model_files::{WholeFile, read_small};

use super::{End, Watched};

/// The file that is locked.
const LOCK: &str = ".lock";

/// The longest state, in bytes, of most windows; of one that takes more it is twice that.
const LONGEST: u64 = 4 << 20;

/// Where the window of one version of a model is kept.
pub(super) struct StateFile {
    path: PathBuf,
    digest: String,
    /// One at a time; whether the last state is there.
    writing: Mutex<bool>,
}

impl StateFile {
    pub(super) fn new(
        folder: &Path,
        (name, version): (&str, &str),
        watched: Watched,
        digest: &str,
    ) -> Self {
        let of = match watched {
            Watched::Requests => "",
            Watched::Copies => "@shadow",
        };
        let name = format!("{}@{}{of}.window", safe(name), safe(version));
        Self {
            path: folder.join(name),
            digest: digest.to_owned(),
            writing: Mutex::default(),
        }
    }

    /// Continues the stored window if it is whole and of this model; else the window starts
    /// empty, and the log says why.
    pub(super) fn restore(&self, live: &mut Live) {
        let path = self.path.display();
        let longest = LONGEST.max(2 * live.bytes() as u64);
        let bytes = match read_small(&self.path, longest) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                tracing::warn!(%path, %error, "drift window restarted: its state cannot be read");
                return;
            }
        };
        match self.window(&bytes).and_then(|window| live.restore(window)) {
            Ok(()) => tracing::info!(%path, rows = live.rows(), "drift window restored"),
            Err(error) => {
                tracing::warn!(%path, %error, "drift window restarted: its state was refused")
            }
        }
    }

    fn window<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], StateError> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (digest, rest) = bytes.split_at(end.ok_or(StateError::Damaged)?);
        if digest != self.digest.as_bytes() {
            return Err(StateError::Other);
        }
        // Without the line break.
        Ok(&rest[1..])
    }

    /// Replaces the file by the window as it is when no other write is under way, unless the last
    /// state is there already. On an error the old one is still there, and the log says why.
    pub(super) fn write(&self, end: End, window: impl FnOnce() -> Vec<u8>) -> bool {
        let mut has_ended = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if *has_ended && end == End::None {
            return true;
        }
        *has_ended = end == End::OfServer;
        match self.replace(&window()) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "drift window not saved");
                false
            }
        }
    }

    fn replace(&self, window: &[u8]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = WholeFile::create_with_mode(&self.path, 0o600)?;
        file.write_all(self.digest.as_bytes())?;
        file.write_all(b"\n")?;
        file.write_all(window)?;
        file.commit()
    }
}

/// Checks that windows can be kept in a folder, which is created if needed.
///
/// # Errors
/// The system's, when no file can be written there.
pub(crate) fn check_state_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    tempfile::tempfile_in(folder).map(drop)
}

/// A folder of windows that no other server may write to; it is let go when this is dropped, and
/// by the system when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct StateLock(#[allow(dead_code, reason = "open files are locked")] File);

impl StateLock {
    /// Locks a folder.
    ///
    /// # Errors
    /// A sentence, when another server has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, String> {
        let path = folder.join(LOCK);
        let shown = folder.display();
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| format!("drift-state {shown}: {LOCK} cannot be written: {error}"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!(
                    "drift-state {shown}: another server keeps its windows there, and each would overwrite the other's; give each server a folder of its own"
                ));
            }
            Err(TryLockError::Error(error)) => {
                tracing::warn!(folder = %shown, %error, "drift state not locked: its file system has no locks, so give each server a folder of its own");
            }
        }
        Ok(Self(file))
    }
}

/// As a file's name: other bytes than letters, digits, `.`, `_` and `-` become `%` and two
/// digits.
fn safe(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    name.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
