//! Compiled modules, kept between starts of the server.
//!
//! Machine code runs as it is found. It is therefore loaded only from a folder that no other
//! user can write to, and only when it is byte for byte what was stored there. Whatever is
//! wrong with the folder costs only the time to compile.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use model_files::{sha256_file, sha256_hex, write_whole};
use wasmtime::{Cache, CacheConfig};

use super::limits::Limits;

/// The file with the SHA-256 digests of a module's files, one per line.
const SUMS: &str = "sha256sums";

/// wasmtime's part of a module's folder. wasmtime removes what it does not know in there.
const CODE: &str = "code";

/// How many modules are kept: those compiled last.
const MOST: usize = 32;

/// Why a folder cannot keep compiled modules.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error("the folder cannot be created: {0}")]
    Create(io::Error),
    #[error("the folder cannot be read: {0}")]
    Read(io::Error),
    #[error("the folder belongs to user {found}, expected {expected}, who runs the server")]
    Owner { found: u32, expected: u32 },
    #[error("other users can write to the folder (mode {0:o}), expected 700: run chmod go-w")]
    Mode(u32),
    #[error("other users can put a folder of theirs in its place, since they own or can write to {}: take a folder below one that is yours alone, or run chmod go-w or chmod +t there", .0.display())]
    Replaceable(PathBuf),
    #[error("wasmtime cannot use the folder: {0:#}")]
    Engine(wasmtime::Error),
    #[cfg(not(unix))]
    #[error("this system does not tell who can write to a folder")]
    Unsupported,
}

/// How the program that compiles ends when it could not keep what it has compiled.
pub const NOT_KEPT: i32 = 3;

/// What the compiler's process did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filled {
    /// It has compiled the module, within its limits.
    Done,
    /// It refused the module, with this sentence.
    Refused(String),
    /// It was ended by the system: compiling takes more time or memory than any model needs.
    Stopped,
}

/// The cache of one compiled module.
pub(crate) struct ModuleCache {
    root: PathBuf,
    folder: PathBuf,
    cache: Cache,
}

impl ModuleCache {
    /// The cache for `wasm` in the folder `root`, which is created if needed. Files that are
    /// not what was stored there are removed.
    ///
    /// # Errors
    /// When the folder cannot be used, or another user can write to it or exchange it.
    pub(crate) fn open(root: &Path, wasm: &[u8]) -> Result<Self, CacheError> {
        create(root).map_err(CacheError::Create)?;
        // A link is followed once: it may lead elsewhere the next time.
        let root = fs::canonicalize(root).map_err(CacheError::Read)?;
        check_parents(&root)?;
        Self::open_in(&root, wasm)
    }

    /// The same in a folder that nobody exchanges for another, as whoever asks knows.
    ///
    /// # Errors
    /// As [`ModuleCache::open`], but for that.
    pub(super) fn open_in(root: &Path, wasm: &[u8]) -> Result<Self, CacheError> {
        let root = std::path::absolute(root).map_err(CacheError::Create)?;
        let folder = root.join(sha256_hex(wasm));
        for folder in [&root, &folder] {
            create(folder).map_err(CacheError::Create)?;
            check_private(folder)?;
        }
        remove_altered(&folder).map_err(CacheError::Read)?;
        let mut config = CacheConfig::new();
        config
            .with_directory(folder.join(CODE))
            // Recompressing would replace the files by ones with other digests.
            .with_optimized_compression_usage_counter_threshold(u64::MAX);
        let cache = Cache::new(config).map_err(CacheError::Engine)?;
        Ok(Self {
            root,
            folder,
            cache,
        })
    }

    pub(crate) fn cache(&self) -> Cache {
        self.cache.clone()
    }

    /// Lets the program `compiler` put the compiled module here, if there is none. Compiling
    /// takes several times a module's memory, which a process of its own gives back when it
    /// ends.
    ///
    /// # Errors
    /// When the program cannot be run; the cache is then as before.
    pub(crate) fn fill(&self, compiler: &Path, wasm: &[u8], limits: &Limits) -> io::Result<Filled> {
        if !compiled(&self.folder)?.is_empty() {
            return Ok(Filled::Done);
        }
        let mut command = Command::new(compiler);
        command
            .args(["compile-module", "--cache-dir"])
            .arg(&self.root)
            .args(["--module-memory", &limits.memory_bytes.to_string()]);
        if limits.background {
            // Of wasmtime's compiler.
            command.arg("--background").env("RAYON_NUM_THREADS", "1");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        // The program reads all of the module before it writes a line, and no more than that
        // line: neither waits for the other.
        let _ = child.stdin.take().map(|mut input| input.write_all(wasm));
        let output = child.wait_with_output()?;
        remove_altered(&self.folder)?;
        // It limits its own time and memory, and the system ends it when it exceeds them.
        Ok(match output.status.code() {
            // What could not be kept was compiled nevertheless: it costs this process no more.
            Some(0) => Filled::Done,
            Some(NOT_KEPT) => {
                let reason = sentence(&output.stderr);
                tracing::warn!(reason, "compiled code not kept: compiling in this process");
                Filled::Done
            }
            Some(_) => Filled::Refused(sentence(&output.stderr)),
            None => Filled::Stopped,
        })
    }

    /// Records the digests of what was compiled since [`ModuleCache::open`].
    ///
    /// # Errors
    /// When they cannot be written; the next start compiles again.
    pub(crate) fn keep(&self) -> io::Result<()> {
        if self.cache.cache_misses() == 0 {
            return Ok(());
        }
        let mut sums = String::new();
        for file in compiled(&self.folder)? {
            sums.push_str(&sha256_file(&file)?);
            sums.push('\n');
        }
        write_whole(&self.folder.join(SUMS), sums.as_bytes())?;
        self.forget_oldest()
    }

    fn forget_oldest(&self) -> io::Result<()> {
        let mut folders: Vec<(SystemTime, PathBuf)> = fs::read_dir(&self.root)?
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                // A folder without sums is not one of ours, or is just being filled.
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

/// What a program that ends with an error says.
fn sentence(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.trim().lines().next_back().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    match line.is_empty() {
        true => "the program that compiles modules failed without a word".to_owned(),
        false => line.to_owned(),
    }
}

/// The files with code. wasmtime keeps them in one folder per version of itself, beside
/// others that have an extension.
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
        if !known.contains(sha256_file(&file)?.as_str()) {
            tracing::warn!(file = %file.display(), "altered compiled code removed");
            fs::remove_file(file)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn create(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(unix)]
const OTHERS_WRITE: u32 = 0o022;

/// Checks that the folder belongs to this user and that no other can write to it.
#[cfg(unix)]
fn check_private(folder: &Path) -> Result<(), CacheError> {
    use std::os::unix::fs::MetadataExt;
    // Nothing is written before that is known: in a folder of somebody else a name may be a link.
    let owner = rustix::process::geteuid().as_raw();
    let found = fs::metadata(folder).map_err(CacheError::Read)?;
    if found.uid() != owner {
        return Err(CacheError::Owner {
            found: found.uid(),
            expected: owner,
        });
    }
    if found.mode() & OTHERS_WRITE != 0 {
        return Err(CacheError::Mode(found.mode() & 0o7777));
    }
    Ok(())
}

/// Checks that nobody else can put another folder in the place of this one, to which no link leads,
/// between a look at it and the next: by renaming it, or one that it is in.
#[cfg(unix)]
fn check_parents(folder: &Path) -> Result<(), CacheError> {
    use std::os::unix::fs::MetadataExt;
    // In a folder with the sticky bit nobody renames what belongs to others.
    const STICKY: u32 = 0o1000;
    let user = rustix::process::geteuid().as_raw();
    for parent in folder.ancestors().skip(1) {
        let found = fs::metadata(parent).map_err(CacheError::Read)?;
        let is_ours = found.uid() == user || found.uid() == 0;
        if !is_ours || found.mode() & OTHERS_WRITE != 0 && found.mode() & STICKY == 0 {
            return Err(CacheError::Replaceable(parent.to_owned()));
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_parents(_: &Path) -> Result<(), CacheError> {
    Ok(())
}

#[cfg(not(unix))]
fn create(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn check_private(_: &Path) -> Result<(), CacheError> {
    Err(CacheError::Unsupported)
}
