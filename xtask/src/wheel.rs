//! The Python package: a wheel with the native module and the program, built by maturin.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::build;
use crate::python::{self, MATURIN, PACKAGE};
use crate::steps::{Steps, quietly};
use crate::workspace::{self, command, copy_if_different};

/// The largest wheel that is accepted, in bytes.
const MOST: u64 = 20_000_000;

/// Where the package's crate is compiled: it has a Cargo.lock of its own.
pub(crate) fn target() -> PathBuf {
    workspace::target().join("python")
}

/// `cargo xtask python`.
pub(crate) fn run() -> Result<()> {
    let steps = Steps::new(build::EVERYTHING_STEPS + 1);
    build::everything(&steps, None)?;
    let wheel = steps.step("Build the wheel", build_wheel)?;
    let bytes = fs::metadata(&wheel)?.len();
    steps.finish(&format!("{} is ready: {bytes} bytes", wheel.display()));
    Ok(())
}

/// Builds the wheel, with the program that was built before.
fn build_wheel() -> Result<PathBuf> {
    let package = workspace::root().join("python");
    let program = workspace::underwrite();
    let name = program.file_name().unwrap_or_default();
    // With its permissions: the program stays executable.
    copy_if_different(&program, &package.join("underwrite/bin").join(name))?;
    fs::set_permissions(
        package.join("underwrite/bin").join(name),
        fs::metadata(&program)?.permissions(),
    )?;
    let wheels = target().join("wheels");
    let _ = fs::remove_dir_all(&wheels);
    let bin = python::venv(&MATURIN)?;
    let mut maturin = command(bin.join("maturin"));
    maturin
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--out")
        .arg(&wheels)
        .arg("--interpreter")
        .arg(bin.join("python"))
        .env("CARGO_TARGET_DIR", target());
    quietly("wheel", &mut maturin)?;
    let wheel = only_file(&wheels)?;
    let bytes = fs::metadata(&wheel)?.len();
    anyhow::ensure!(
        bytes <= MOST,
        "{} has {bytes} bytes, at most {MOST} are accepted",
        wheel.display()
    );
    Ok(wheel)
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut files = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .flatten();
    let file = files.next().context("maturin made no wheel")?;
    Ok(file.path())
}

/// The package as it is installed.
pub(crate) struct Package {
    wheel: PathBuf,
    /// A folder of its own, which a search path can name.
    pub(crate) site: PathBuf,
}

/// Builds the wheel and installs it.
pub(crate) fn install() -> Result<Package> {
    let wheel = build_wheel()?;
    let site = target().join("site");
    let _ = fs::remove_dir_all(&site);
    let mut pip = command(python::venv(&PACKAGE)?.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps"]);
    pip.args(["--disable-pip-version-check", "--target"]);
    quietly("wheel-install", pip.arg(&site).arg(&wheel))?;
    Ok(Package { wheel, site })
}

impl Package {
    /// Tells a program where the package is and which Python runs it.
    pub(crate) fn tell(&self, command: &mut Command) -> Result<()> {
        command
            .env("PYTHONPATH", &self.site)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("UNDERWRITE_WHEEL", &self.wheel)
            .env("UNDERWRITE_PYTHON_PACKAGE", &self.site)
            .env("UNDERWRITE_PYTHON", python::venv(&PACKAGE)?.join("python"));
        Ok(())
    }
}

/// Builds and installs the package, and tells a program about it.
pub(crate) fn tell(command: &mut Command) -> Result<()> {
    install()?.tell(command)
}
