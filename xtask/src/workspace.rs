//! Where things are.

use std::path::{self, Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

/// The folder of the root `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where builds go: `$CARGO_TARGET_DIR`, else `target/`.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The program that `cargo xtask build` makes.
pub(crate) fn underwrite() -> PathBuf {
    built("release", "underwrite")
}

/// A program of the workspace, compiled with this profile.
pub(crate) fn built(profile: &str, name: &str) -> PathBuf {
    target()
        .join(profile)
        .join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// The folder of `engine.wasm`, `model.js` and `model.d.ts`.
pub(crate) fn engine() -> PathBuf {
    target().join("engine")
}

/// The folder of the large real data file, which is not ours to publish, and its test rows:
/// `$UNDERWRITE_LOAN_DATA`. `None` where the variable is not set.
///
/// # Errors
/// Where the variable names a folder without that file.
pub(crate) fn loan_data() -> Result<Option<PathBuf>> {
    let Some(folder) = env::var_os("UNDERWRITE_LOAN_DATA") else {
        return Ok(None);
    };
    let folder = path::absolute(folder)?;
    ensure!(
        folder.join("loan_data.csv").is_file(),
        "UNDERWRITE_LOAN_DATA names {}, which has no loan_data.csv: correct the variable, or unset \
         it to test without the large data",
        folder.display()
    );
    Ok(Some(folder))
}

/// Copies a file, but leaves an equal one alone, so that cargo does not build again what depends
/// on it.
pub(crate) fn copy_if_different(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(to, bytes).with_context(|| format!("cannot write {}", to.display()))
}

/// A program, run from the root, without what the `cargo` that started us left in the environment.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    let inherited = env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        // RUSTFLAGS would replace the flags that .cargo/config.toml gives the module.
        name == "CARGO"
            || name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || name == "RUSTFLAGS"
            || name == "CARGO_ENCODED_RUSTFLAGS"
    });
    for name in inherited {
        command.env_remove(name);
    }
    if env::var_os("CARGO_TARGET_DIR").is_some() {
        command.env("UNDERWRITE_ENGINE_DIR", engine());
    }
    command
}

/// `cargo` with these arguments, separated by white space.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut command = command("cargo");
    command.args(arguments.split_whitespace());
    command
}
