//! Compiled modules, kept from one start of the server to the next.
//!
//! Machine code is run as it is found, so it is taken only from a folder that nobody else
//! can write to, and only when it is, byte for byte, what was put there. Whatever is wrong
//! with the folder costs no more than the time to compile.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::{Cache, CacheConfig};

/// The SHA-256 digests of a module's files, one a line.
const SUMS: &str = "sha256sums";

/// wasmtime's part of a module's folder: it removes what it does not know there.
const CODE: &str = "code";

/// Modules that are kept: those compiled last.
const MOST: usize = 32;

/// What is kept of one module.
pub(crate) struct ModuleCache {
    root: PathBuf,
    folder: PathBuf,
    cache: Cache,
}

impl ModuleCache {
    /// The place for `wasm` in the folder `root`, which is made when it is not there. Files
    /// in it that are not what was kept are removed.
    ///
    /// # Errors
    /// When nothing can be kept there, or somebody else can write to it; a sentence.
    pub(crate) fn open(root: &Path, wasm: &[u8]) -> Result<Self, String> {
        let root = std::path::absolute(root).map_err(|error| error.to_string())?;
        let folder = root.join(hex(wasm));
        for folder in [&root, &folder] {
            make(folder).map_err(|error| format!("it cannot be made: {error}"))?;
            check_private(folder)?;
        }
        remove_altered(&folder).map_err(|error| format!("it cannot be read: {error}"))?;
        let mut config = CacheConfig::new();
        config
            .with_directory(folder.join(CODE))
            // It would be written anew with other bytes.
            .with_optimized_compression_usage_counter_threshold(u64::MAX);
        let cache = Cache::new(config).map_err(|error| format!("{error:#}"))?;
        Ok(Self {
            root,
            folder,
            cache,
        })
    }

    pub(crate) fn cache(&self) -> Cache {
        self.cache.clone()
    }

    /// Lets `compiler` put the compiled module here, when there is none. A compiler leaves
    /// several times a module's memory behind; in a process of its own that ends with it.
    ///
    /// # Errors
    /// When it cannot be run; then there is what was there before.
    pub(crate) fn fill(&self, compiler: &Path, wasm: &[u8]) -> io::Result<()> {
        if !compiled(&self.folder)?.is_empty() {
            return Ok(());
        }
        let mut child = Command::new(compiler)
            .args(["compile-module", "--cache-dir"])
            .arg(&self.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // It ends early when it does not like the module; the reason is found here again.
        let _ = child.stdin.take().map(|mut input| input.write_all(wasm));
        child.wait()?;
        remove_altered(&self.folder)
    }

    /// Remembers what was compiled since [`ModuleCache::open`].
    ///
    /// # Errors
    /// When it cannot be written; the next start compiles again.
    pub(crate) fn keep(&self) -> io::Result<()> {
        if self.cache.cache_misses() == 0 {
            return Ok(());
        }
        let mut sums = String::new();
        for file in compiled(&self.folder)? {
            sums.push_str(&hex(&fs::read(file)?));
            sums.push('\n');
        }
        let aside = self
            .folder
            .join(format!("{SUMS}.{}.new", std::process::id()));
        fs::write(&aside, sums)?;
        fs::rename(&aside, self.folder.join(SUMS))?;
        self.forget_oldest()
    }

    fn forget_oldest(&self) -> io::Result<()> {
        let mut folders: Vec<(SystemTime, PathBuf)> = fs::read_dir(&self.root)?
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                // One without is no folder of ours, or is being made.
                let kept = fs::metadata(path.join(SUMS)).ok()?.modified().ok()?;
                Some((kept, path))
            })
            .collect();
        folders.sort();
        let too_many = folders.len().saturating_sub(MOST);
        for (_, folder) in folders.into_iter().take(too_many) {
            fs::remove_dir_all(folder)?;
        }
        Ok(())
    }
}

/// The files with code: wasmtime has them in a folder for each of its versions, and beside
/// them others, which have an extension.
fn compiled(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let list = |folder: &Path| -> io::Result<Vec<PathBuf>> {
        match fs::read_dir(folder) {
            Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    };
    let mut files = Vec::new();
    for version in list(&folder.join(CODE).join("modules"))? {
        files.extend(list(&version)?);
    }
    files.retain(|file| file.extension().is_none());
    Ok(files)
}

fn remove_altered(folder: &Path) -> io::Result<()> {
    let sums = fs::read_to_string(folder.join(SUMS)).unwrap_or_default();
    let known: BTreeSet<&str> = sums.lines().collect();
    for file in compiled(folder)? {
        let bytes = fs::read(&file)?;
        if !known.contains(hex(&bytes).as_str()) {
            tracing::warn!(file = %file.display(), "compiled code that is not what was kept: removed");
            fs::remove_file(file)?;
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[cfg(unix)]
fn make(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// Whether the folder is this user's, and nobody else can write to it.
#[cfg(unix)]
fn check_private(folder: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    const OTHERS_WRITE: u32 = 0o022;
    let probe = folder.join(format!("owner.{}.new", std::process::id()));
    let owner = fs::File::create(&probe)
        .and_then(|file| Ok(file.metadata()?.uid()))
        .and_then(|owner| fs::remove_file(&probe).map(|()| owner))
        .map_err(|error| format!("it cannot be written to: {error}"))?;
    let found = fs::metadata(folder).map_err(|error| error.to_string())?;
    match (found.uid() == owner, found.mode() & OTHERS_WRITE) {
        (true, 0) => Ok(()),
        (false, _) => Err(format!(
            "it belongs to user {}, expected {owner}, who runs the server",
            found.uid()
        )),
        (true, _) => Err(format!(
            "others can write to it (mode {:o}), expected 700: chmod go-w",
            found.mode() & 0o7777
        )),
    }
}

#[cfg(not(unix))]
fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn check_private(_: &Path) -> Result<(), String> {
    Err("who can write to a folder is not known on this system".to_owned())
}
