//! Pinned tools, kept in a cache that clones share.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

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
/// Safe to run twice at a time: a tool is made aside and appears by one rename.
pub(crate) fn install(tools: &[&Tool]) -> Result<()> {
    let missing: Vec<_> = tools.iter().filter(|tool| !tool.bin().is_dir()).collect();
    let workshop = Workshop::new()?;
    for tool in missing {
        println!("      installing {} {}", tool.name, tool.version);
        let made = workshop.0.join(tool.name);
        match tool.registry {
            Registry::CratesIo { programs } => workshop.cargo_install(tool, programs, &made)?,
            Registry::Npm => npm_install(tool, &made)?,
        }
        publish(&made, &tool.folder())?;
    }
    Ok(())
}

/// The search path with these tools' programs first.
pub(crate) fn path_with(tools: &[&Tool]) -> Result<OsString> {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let folders = tools.iter().map(|tool| tool.bin());
    Ok(env::join_paths(
        folders.chain(env::split_paths(&inherited)),
    )?)
}

fn cache() -> PathBuf {
    let given = ["UNDERWRITE_CACHE", "XDG_CACHE_HOME"]
        .iter()
        .find_map(env::var_os);
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache");
    let base = given.map_or_else(home, PathBuf::from);
    workspace::root().join(base).join("underwrite/tools")
}

/// A folder for half-made tools, removed at the end. What the tools have in common is
/// compiled once in it.
struct Workshop(PathBuf);

impl Workshop {
    fn new() -> Result<Self> {
        let folder = cache().join(format!(".making-{}", process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }

    fn cargo_install(&self, tool: &Tool, programs: &[&str], made: &Path) -> Result<()> {
        let mut command = workspace::cargo("install --locked --force --root");
        command
            .arg(made)
            .args(["--version", tool.version, tool.name]);
        command.args(programs.iter().flat_map(|program| ["--bin", program]));
        quick_profile(&mut command).env("CARGO_TARGET_DIR", self.0.join("target"));
        quietly(tool.name, &mut command)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The tools run for seconds and are compiled for minutes: optimise the compilation.
fn quick_profile(command: &mut Command) -> &mut Command {
    command.envs([
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
        ("CARGO_PROFILE_RELEASE_LTO", "off"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
        ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
    ])
}

fn npm_install(tool: &Tool, made: &Path) -> Result<()> {
    fs::create_dir_all(made)?;
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

fn publish(made: &Path, folder: &Path) -> Result<()> {
    match fs::rename(made, folder) {
        // Another clone was quicker; its copy is as good.
        Err(_) if folder.join("bin").is_dir() => Ok(()),
        other => other.with_context(|| format!("cannot write {}", folder.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tool: &Tool, krate: &str) {
        let lock = fs::read_to_string(workspace::root().join("Cargo.lock")).unwrap();
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
        check(&WASM_BINDGEN, "wasm-bindgen");
        check(&WORKER_BUILD, "worker");
    }
}
