//! `cargo xtask lint`: formatting, clippy, documentation, dependencies.

use std::env;
use std::process::Command;

use anyhow::Result;

use crate::steps::{Steps, openly, quietly};
use crate::tools::{self, CARGO_DENY};
use crate::workspace::{self, cargo, command};
use crate::{engine, system, wheel};

/// Crates that also run on wasm32, or only there.
const WASM_CRATES: &str = "--package model-core --package model-recourse --package model-sketch --package model-http \
    --package model-wasm --package edge-worker";

/// The tool that is not in the workspace.
const GLUE: &str = "--manifest-path xtask/glue/Cargo.toml";
/// The Python package's crate, which is not there either.
const PYTHON: &str = "--manifest-path python/Cargo.toml";

/// Checks everything that can be checked without running the product.
pub(crate) fn run() -> Result<()> {
    let steps = Steps::new(6);
    steps.step("Check formatting", || {
        system::add_linters()?;
        openly(&mut cargo("fmt --all --check"))?;
        openly(&mut cargo(&format!("fmt {GLUE} --check")))?;
        openly(&mut cargo(&format!("fmt {PYTHON} --check")))
    })?;
    steps.step("Build the engine", included_engine)?;
    steps.step("Lint native code", || {
        openly(&mut clippy("--all-targets"))?;
        openly(clippy(GLUE).env("CARGO_TARGET_DIR", engine::glue_target()))?;
        openly(clippy(PYTHON).env("CARGO_TARGET_DIR", wheel::target()))
    })?;
    steps.step("Lint wasm code", || {
        let target = "--target wasm32-unknown-unknown";
        openly(&mut clippy(&format!("{WASM_CRATES} {target}")))
    })?;
    steps.step("Build the documentation", documentation)?;
    steps.step("Check the dependencies", dependencies)?;
    steps.finish("No complaints");
    Ok(())
}

/// Without the engine the program compiles in a debug profile alone (`cli/build.rs`). Which engine
/// it is makes no difference here, so one that is there is taken as it is.
fn included_engine() -> Result<()> {
    if workspace::engine().join("engine.wasm").is_file() {
        return system::prepare();
    }
    engine::build_quickly()
}

/// Clippy on some crates, with warnings as errors. Build scripts and macros of the release profile
/// are those that the build and the tests use, and are compiled once for all.
fn clippy(selection: &str) -> Command {
    cargo(&format!(
        "clippy --release --locked {selection} -- --deny warnings"
    ))
}

/// Broken links and the like are errors.
fn documentation() -> Result<()> {
    // Libraries alone: what a program documents is its help, where an address is no link.
    let mut doc = cargo("doc --release --no-deps --locked --lib");
    openly(doc.env("RUSTDOCFLAGS", "--deny warnings"))
}

/// Licences, bans and sources always; advisories when their database can be fetched.
fn dependencies() -> Result<()> {
    tools::install(&[&CARGO_DENY])?;
    let deny = |arguments: &str| {
        let mut deny = command(CARGO_DENY.program("cargo-deny"));
        deny.args(arguments.split_whitespace());
        deny
    };
    let fetched = quietly("advisories", &mut deny("fetch db"));
    match fetched {
        Ok(()) => openly(&mut deny("check advisories licenses bans sources")),
        Err(error) if env::var_os("GITHUB_ACTIONS").is_some() => Err(error),
        Err(_) => {
            openly(&mut deny("check licenses bans sources"))?;
            println!(
                "      NOT CHECKED: security advisories, because their database could not be fetched from GitHub"
            );
            Ok(())
        }
    }
}
