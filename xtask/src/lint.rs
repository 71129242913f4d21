//! `cargo xtask lint`: formatting, clippy, dependencies.

use std::env;

use anyhow::Result;

use crate::steps::{Steps, openly, quietly};
use crate::tools::{self, CARGO_DENY};
use crate::workspace::{cargo, command};
use crate::{build, system};

/// Crates that also run on wasm32, or only there.
const WASM_CRATES: &str =
    "--package model-core --package model-sketch --package model-wasm --package edge-worker";

/// Checks everything that can be checked without running the product.
pub(crate) fn run() -> Result<()> {
    let steps = Steps::new(5);
    steps.step("Check formatting", || {
        system::add_linters()?;
        openly(&mut cargo("fmt --all --check"))
    })?;
    // The command-line program does not compile without its engine.
    build::engine(&steps)?;
    steps.step("Lint native code", || {
        openly(&mut cargo(
            "clippy --locked --all-targets -- --deny warnings",
        ))
    })?;
    steps.step("Lint wasm code", || {
        let target = "--target wasm32-unknown-unknown";
        openly(&mut cargo(&format!(
            "clippy --locked {WASM_CRATES} {target} -- --deny warnings"
        )))
    })?;
    steps.step("Check the dependencies", dependencies)?;
    steps.finish("No complaints");
    Ok(())
}

/// Licences, bans and sources always; advisories when their database can be had.
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
