//! Files that are ready to be sent: hashed, and within the limits of what `pull` takes.

use std::fs::File;
use std::io::{self, Read};

use model_client::FileBody;
use model_files::{Hashing, sha256_hex};

use crate::error::{HubError, reading};
use crate::upload::FileToPublish;

/// The most files that are published, and pulled, together.
pub const MAX_FILES: usize = 1_000;
/// The most bytes that they have together.
pub const MAX_TOTAL_BYTES: u64 = 1 << 30;

/// How much of a file the Hub looks at to tell text from a large file, in bytes.
const SAMPLE: u64 = 512;
/// The longest file that goes into the commit itself, in bytes, as the Hub has it: it is held in
/// memory.
const REGULAR_MAX: u64 = 10 << 20;
/// The most that such files have together: a commit is one request.
const REGULAR_TOTAL: u64 = 64 << 20;

/// A file, and the content that it is published with.
pub(crate) struct Prepared<'a> {
    pub(crate) file: &'a FileToPublish,
    /// Its length.
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    /// Its beginning.
    pub(crate) sample: Vec<u8>,
    /// Whether it goes beside the commit, by Git LFS.
    pub(crate) is_large: bool,
}

/// All of the files, each name once.
pub(crate) fn prepare(files: &[FileToPublish]) -> Result<Vec<Prepared<'_>>, HubError> {
    if files.len() > MAX_FILES {
        let count = files.len();
        let problem = format!("{count} files: at most {MAX_FILES} fit; leave some out");
        return Err(HubError::TooMuch(problem));
    }
    let mut total = 0;
    let mut prepared: Vec<Prepared<'_>> = Vec::new();
    for file in files {
        let new = Prepared::new(file, &mut total)?;
        match prepared.iter().find(|known| known.file.name == file.name) {
            None => prepared.push(new),
            Some(known) if known.sha256 == new.sha256 => {}
            Some(known) => {
                return Err(HubError::Twice {
                    name: file.name.clone(),
                    first: known.file.path.clone(),
                    second: file.path.clone(),
                });
            }
        }
    }
    Ok(prepared)
}

/// Refuses files for the commit itself that are too long to be held in memory.
pub(crate) fn check_regular(files: &[Prepared<'_>]) -> Result<(), HubError> {
    let regular = || files.iter().filter(|file| !file.is_large);
    if let Some(long) = regular().find(|file| file.bytes > REGULAR_MAX) {
        let problem = format!(
            "{}: the Hub takes it as text, which may have at most {} MiB; shorten or compress it",
            long.file.name,
            REGULAR_MAX >> 20
        );
        return Err(HubError::TooMuch(problem));
    }
    let total: u64 = regular().map(|file| file.bytes).sum();
    if total > REGULAR_TOTAL {
        let problem = format!(
            "texts of more than {} MiB together: shorten or compress some, or leave them out",
            REGULAR_TOTAL >> 20
        );
        return Err(HubError::TooMuch(problem));
    }
    Ok(())
}

impl<'a> Prepared<'a> {
    /// Reads the file as long as it is now; `total` counts the bytes of all.
    fn new(file: &'a FileToPublish, total: &mut u64) -> Result<Self, HubError> {
        let opened = File::open(&file.path).map_err(reading(&file.path))?;
        let length = opened.metadata().map_err(reading(&file.path))?.len();
        *total = total.saturating_add(length);
        if *total > MAX_TOTAL_BYTES {
            let most = MAX_TOTAL_BYTES >> 30;
            let problem = format!("files of more than {most} GiB together: leave some out");
            return Err(HubError::TooMuch(problem));
        }
        let mut hashing = Hashing::new(opened.take(length));
        let mut sample = Vec::new();
        let sampled = hashing.by_ref().take(SAMPLE).read_to_end(&mut sample);
        let rest = sampled.and_then(|_| io::copy(&mut hashing, &mut io::sink()));
        let bytes = sample.len() as u64 + rest.map_err(reading(&file.path))?;
        let sha256 = hashing.finish();
        match &file.sha256 {
            Some(expected) if *expected != sha256 => Err(changed(file, expected, sha256)),
            _ => Ok(Self {
                file,
                bytes,
                sha256,
                sample,
                is_large: false,
            }),
        }
    }

    /// It as the body of a request: what is sent is what was hashed.
    pub(crate) fn body(&self) -> FileBody<'_> {
        FileBody {
            path: &self.file.path,
            media_type: "",
            sha256: &self.sha256,
        }
    }

    /// All of it, as it was hashed.
    pub(crate) fn read(&self) -> Result<Vec<u8>, HubError> {
        let path = &self.file.path;
        let mut bytes = Vec::new();
        // One byte more than it had shows that it has grown.
        let read = File::open(path).and_then(|file| {
            file.take(self.bytes.saturating_add(1))
                .read_to_end(&mut bytes)
        });
        read.map_err(reading(path))?;
        let sha256 = sha256_hex(&bytes);
        if sha256 == self.sha256 {
            return Ok(bytes);
        }
        Err(changed(self.file, &self.sha256, sha256))
    }
}

fn changed(file: &FileToPublish, expected: &str, got: String) -> HubError {
    HubError::Changed {
        path: file.path.clone(),
        expected: expected.to_owned(),
        got,
    }
}
