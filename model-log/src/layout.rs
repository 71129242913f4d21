//! Where what is in the folder of a log.

use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::disk::{Disk, How, write_whole};
use crate::error::LogError;

/// The first line of the file `format`; the second is the origin.
pub(crate) const FORMAT: &str = "underwrite decision log 1";
/// How the file `format` begins in every version.
pub(crate) const FORMAT_OF_ALL_VERSIONS: &str = "underwrite decision log ";
/// What the lock file holds while a process has the log, and after a crash.
pub(crate) const OPEN_MARK: &[u8] = b"open\n";

/// The files of a log.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    folder: PathBuf,
}

impl Layout {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn format(&self) -> PathBuf {
        self.path("format")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.path("lock")
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.path("checkpoint")
    }

    pub(crate) fn verifier_key(&self) -> PathBuf {
        self.path("verifier-key")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.path("keys")
    }

    pub(crate) fn records(&self, epoch: u64) -> PathBuf {
        self.path("records").join(format!("{epoch:08}"))
    }

    pub(crate) fn index(&self, epoch: u64) -> PathBuf {
        self.path("index").join(format!("{epoch:08}"))
    }

    pub(crate) fn seeds(&self, epoch: u64) -> PathBuf {
        self.path("seeds").join(format!("{epoch:08}"))
    }

    pub(crate) fn model(&self, digest: &Digest) -> PathBuf {
        self.path("models").join(format!("sha256-{digest}.wasm"))
    }

    /// Makes the folders of a log.
    pub(crate) fn make_folders(&self, disk: &dyn Disk) -> Result<(), LogError> {
        for name in ["records", "index", "seeds", "models", "tile"] {
            let path = self.path(name);
            if !disk.exists(&path) {
                disk.make_folder(&path)
                    .map_err(|error| LogError::io(&path, error))?;
            }
        }
        self.sync(disk)
    }

    pub(crate) fn sync(&self, disk: &dyn Disk) -> Result<(), LogError> {
        disk.sync_folder(&self.folder)
            .map_err(|error| LogError::io(&self.folder, error))
    }

    /// Reads the origin of the log; `None` when there is no log.
    pub(crate) fn origin(&self, disk: &dyn Disk) -> Result<Option<String>, LogError> {
        let path = self.format();
        let text = match disk.read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::io(&path, error)),
        };
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        match rest.strip_suffix('\n') {
            Some(origin) if first == FORMAT && crate::note::is_origin(origin) => {
                Ok(Some(origin.to_owned()))
            }
            _ => Err(LogError::Format {
                path,
                expected: FORMAT,
                found: first.chars().take(60).collect(),
            }),
        }
    }

    pub(crate) fn write_format(&self, disk: &dyn Disk, origin: &str) -> Result<(), LogError> {
        let path = self.format();
        let text = format!("{FORMAT}\n{origin}\n");
        write_whole(disk, &path, text.as_bytes(), How::New)
            .map_err(|error| LogError::io(&path, error))
    }

    /// How many epochs there are: files in `records`, which must follow each other.
    pub(crate) fn epochs(&self, disk: &dyn Disk) -> Result<u64, LogError> {
        let folder = self.path("records");
        let names = disk
            .list(&folder)
            .map_err(|error| LogError::io(&folder, error))?;
        let numbers = names.iter().filter_map(|(name, _)| number(name));
        let mut epochs = 0;
        for epoch in numbers {
            if epoch != epochs {
                let place = self.records(epochs).display().to_string();
                return Err(LogError::damaged(place, "the file of records is missing"));
            }
            epochs += 1;
        }
        Ok(epochs)
    }
}

/// The number in the name of a file of an epoch.
pub(crate) fn number(name: &str) -> Option<u64> {
    let number = name.parse().ok()?;
    (format!("{number:08}") == name).then_some(number)
}
