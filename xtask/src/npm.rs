//! The npm package: types, and JavaScript over the module's plain exports.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::acceptance::Parts;
use crate::steps::{Steps, openly, quietly};
use crate::tools::{self, ESBUILD};
use crate::workspace::{self, command};

/// The files of the package; the types of the answers are those of the module.
const FILES: [&str; 4] = ["README.md", "index.d.ts", "index.js", "package.json"];

fn folder() -> PathBuf {
    workspace::target().join("npm")
}

/// `cargo xtask npm`.
pub(crate) fn run() -> Result<()> {
    let steps = Steps::new(1);
    let tarball = steps.step("Pack the npm package", pack)?;
    steps.finish(&format!("{} is ready", tarball.display()));
    Ok(())
}

/// Packs the package as npm publishes it.
fn pack() -> Result<PathBuf> {
    let package = folder().join("package");
    let _ = fs::remove_dir_all(folder());
    fs::create_dir_all(&package)?;
    let source = workspace::root().join("npm");
    for file in FILES {
        fs::copy(source.join(file), package.join(file)).with_context(|| file.to_owned())?;
    }
    fs::write(package.join("contract.d.ts"), contract()?)?;
    let mut npm = command("npm");
    npm.args(["pack", "--ignore-scripts", "--pack-destination"]);
    quietly("npm-pack", npm.arg(folder()).arg(&package))?;
    let version = env!("CARGO_PKG_VERSION");
    Ok(folder().join(format!("underwrite-{version}.tgz")))
}

/// The types of what a model takes and answers, without the class that is generated.
fn contract() -> Result<String> {
    let types = workspace::root().join("model-wasm/src/model.d.ts");
    let types = fs::read_to_string(&types).with_context(|| types.display().to_string())?;
    let class = types
        .find("export class Model")
        .context("it has no class")?;
    let start = types[..class].rfind("\n\n").unwrap_or(class);
    let end = types[class..]
        .find("\n}\n")
        .context("its class has no end")?;
    Ok(format!(
        "{}\n{}",
        &types[..start],
        &types[class + end + 3..]
    ))
}

/// Installs the tarball into a project of its own, as a user does, and runs its tests.
pub(crate) fn test(parts: &Parts) -> Result<()> {
    tools::install(&[&ESBUILD])?;
    let tarball = pack()?;
    let project = folder().join("project");
    fs::create_dir_all(&project)?;
    fs::write(project.join("package.json"), "{\"type\":\"module\"}\n")?;
    install(&project, &tarball)?;
    let tests = workspace::root().join("npm/test");
    let mut node = command("node");
    node.arg("--test")
        .args(["package.test.mjs", "browser.test.mjs"].map(|file| tests.join(file)))
        .env("UNDERWRITE_NPM_PROJECT", &project)
        .env("ESBUILD", ESBUILD.program("esbuild"));
    openly(parts.tell(&mut node))
}

fn install(project: &Path, tarball: &Path) -> Result<()> {
    let mut npm = command("npm");
    npm.args([
        "install",
        "--offline",
        "--no-audit",
        "--no-fund",
        "--prefix",
    ]);
    quietly("npm-install", npm.arg(project).arg(tarball))
}
