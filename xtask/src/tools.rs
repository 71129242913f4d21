//! Pinned tools, kept in a cache that clones share.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::steps::quietly;
use crate::workspace;

/// Builds the module: cargo, wasm-bindgen, package.
pub(crate) const WASM_PACK: Tool = Tool::cargo("wasm-pack", "0.15.1", &["wasm-pack"]);
/// Writes the JavaScript glue; of the same version as the crate of that name.
pub(crate) const WASM_BINDGEN: Tool = Tool::cargo(
    "wasm-bindgen-cli",
    "0.2.129",
    &["wasm-bindgen", "wasm-bindgen-test-runner"],
);
/// Builds the Worker; of the same version as the crate `worker`.
pub(crate) const WORKER_BUILD: Tool = Tool::cargo("worker-build", "0.8.7", &["worker-build"]);
/// Checks licences, advisories and sources of the dependencies.
pub(crate) const CARGO_DENY: Tool = Tool::cargo("cargo-deny", "0.20.2", &["cargo-deny"]);
/// Has wasm-opt. Distributions' packages are often too old to read the Worker.
pub(crate) const BINARYEN: Tool = Tool::npm("binaryen", "132.0.0");
/// Bundles the Worker's JavaScript.
pub(crate) const ESBUILD: Tool = Tool::npm("esbuild", "0.28.2");

/// A tool of one exact version.
pub(crate) struct Tool {
    /// Its name in the registry.
    pub(crate) name: &'static str,
    /// Its exact version.
    pub(crate) version: &'static str,
    registry: Registry,
}

enum Registry {
    CratesIo { programs: &'static [&'static str] },
    Npm,
}

impl Tool {
    const fn cargo(
        name: &'static str,
        version: &'static str,
        programs: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            version,
            registry: Registry::CratesIo { programs },
        }
    }

    const fn npm(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            registry: Registry::Npm,
        }
    }

    /// The folder of its programs.
    pub(crate) fn bin(&self) -> PathBuf {
        self.folder().join("bin")
    }

    /// The path of one of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }

    fn folder(&self) -> PathBuf {
        cache().join(format!("{}-{}", self.name, self.version))
    }
}

/// Installs those of the tools that are not in the cache.
///
/// Safe to run twice at a time: one at a time installs, and a tool appears by one rename.
pub(crate) fn install(tools: &[&Tool]) -> Result<()> {
    let missing = || tools.iter().filter(|tool| !tool.bin().is_dir());
    if missing().next().is_none() {
        return Ok(());
    }
    let workshop = Workshop::open()?;
    // Looked at again: another clone may have been at work.
    for tool in missing() {
        println!("      installing {} {}", tool.name, tool.version);
        workshop.make(tool)?;
    }
    workshop.close()
}

/// The search path with these tools' programs first.
pub(crate) fn path_with(tools: &[&Tool]) -> Result<OsString> {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let folders = tools.iter().map(|tool| tool.bin());
    Ok(env::join_paths(
        folders.chain(env::split_paths(&inherited)),
    )?)
}

/// The folder of all tools.
pub(crate) fn cache() -> PathBuf {
    let given = ["UNDERWRITE_CACHE", "XDG_CACHE_HOME"]
        .iter()
        .find_map(env::var_os);
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache");
    let base = given.map_or_else(home, PathBuf::from);
    workspace::root().join(base).join("underwrite/tools")
}

/// Waits until no other process installs; held until dropped.
pub(crate) fn lock() -> Result<File> {
    let cache = cache();
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let lock = File::create(cache.join(".lock"))?;
    if lock.try_lock().is_err() {
        println!("      waiting for another installation of the tools");
        lock.lock()?;
    }
    Ok(lock)
}

/// Where tools are made, by one process at a time. What they have in common is compiled once;
/// after an interruption the next process goes on where it stopped.
struct Workshop {
    folder: PathBuf,
    /// Held until dropped.
    _lock: File,
}

impl Workshop {
    fn open() -> Result<Self> {
        let lock = lock()?;
        let folder = cache().join(".making");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    fn make(&self, tool: &Tool) -> Result<()> {
        let made = self.folder.join(tool.name);
        let _ = fs::remove_dir_all(&made);
        fs::create_dir_all(&made).with_context(|| format!("cannot make {}", made.display()))?;
        match tool.registry {
            Registry::CratesIo { programs } => self.cargo_install(tool, programs, &made)?,
            Registry::Npm => npm_install(tool, &made)?,
        }
        let folder = tool.folder();
        fs::rename(&made, &folder).with_context(|| format!("cannot write {}", folder.display()))
    }

    fn cargo_install(&self, tool: &Tool, programs: &[&str], made: &Path) -> Result<()> {
        let mut command = workspace::cargo("install --locked --root");
        command
            .arg(made)
            .args(["--version", tool.version, tool.name])
            .args(programs.iter().flat_map(|program| ["--bin", program]))
            .envs(QUICK_PROFILE)
            .env("CARGO_TARGET_DIR", self.folder.join("target"));
        quietly(tool.name, &mut command)
    }

    fn close(self) -> Result<()> {
        Ok(fs::remove_dir_all(&self.folder)?)
    }
}

/// The tools run for seconds and are compiled for minutes: make the compiler quick.
const QUICK_PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
];

fn npm_install(tool: &Tool, made: &Path) -> Result<()> {
    let mut command = workspace::command("npm");
    command.args([
        "install",
        "--no-audit",
        "--no-fund",
        "--no-save",
        "--ignore-scripts",
    ]);
    command
        .arg("--prefix")
        .arg(made)
        .arg(format!("{}@{}", tool.name, tool.version));
    quietly(tool.name, &mut command)?;
    std::os::unix::fs::symlink("node_modules/.bin", made.join("bin"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tool: &Tool, lock: &str, krate: &str) {
        let lock = fs::read_to_string(workspace::root().join(lock)).unwrap();
        let entry = format!("name = \"{krate}\"\nversion = \"{}\"\n", tool.version);
        assert!(
            lock.contains(&entry),
            "{} {} needs {entry}",
            tool.name,
            tool.version
        );
    }

    #[test]
    fn tools_are_of_the_same_version_as_their_crates() {
        check(&WASM_BINDGEN, "Cargo.lock", "wasm-bindgen");
        check(&WORKER_BUILD, "Cargo.lock", "worker");
        // The demo's stand-in for the tool.
        check(
            &WASM_BINDGEN,
            "xtask/glue/Cargo.lock",
            "wasm-bindgen-cli-support",
        );
    }
}
