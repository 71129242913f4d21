//! `cargo xtask long NAME`: what takes too long for every test run.

use anyhow::Result;
use clap::builder::PossibleValue;

use crate::steps::openly;
use crate::workspace::cargo;
use crate::{acceptance, test};

/// Each fuzz target's share of a long run.
const FUZZ_SECONDS: u32 = 10 * 60;

struct Suite {
    name: &'static str,
    does: &'static str,
    run: fn() -> Result<()>,
}

const SUITES: &[Suite] = &[
    Suite {
        name: "fire",
        does: "the attacks on the server, a million answers of threads that are kept from running (as root), ten minutes of each fuzz target",
        run: fire,
    },
    Suite {
        name: "log",
        does: "the decision log: 12,000 power cuts, 1,000 failing disks, 1,000 kills, 100,000 alterations, and the times of a million records",
        run: log,
    },
    Suite {
        name: "reasons",
        does: "reasons of 100,000 rows of a monotonic model, and recourse of 10,000 small cases against brute force",
        run: reasons,
    },
];

/// The names of the suites, each with what it does.
pub(crate) fn names() -> Vec<PossibleValue> {
    let named = |suite: &Suite| PossibleValue::new(suite.name).help(suite.does);
    SUITES.iter().map(named).collect()
}

/// Runs the suite with this name.
pub(crate) fn run(name: &str) -> Result<()> {
    let suite = SUITES.iter().find(|suite| suite.name == name);
    suite.map_or(Ok(()), |suite| (suite.run)())
}

/// Without optimization the brute force takes hours.
fn reasons() -> Result<()> {
    openly(&mut cargo(
        "test --release --locked --package model-core --package model-recourse \
         --test contributions --test brute_force -- --ignored --nocapture",
    ))
}

/// Each cut is three cuts of one log. One thread: the last test measures.
fn log() -> Result<()> {
    openly(&mut cargo(
        "test --release --locked --package model-log -- --ignored --nocapture --test-threads=1",
    ))
}

fn fire() -> Result<()> {
    test::run(&["fire".to_owned()])?;
    acceptance::long("bursts")?;
    acceptance::fuzz(FUZZ_SECONDS)
}
