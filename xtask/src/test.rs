//! `cargo xtask test`: every test, in every host.

use anyhow::{Result, ensure};
use clap::builder::PossibleValue;

use crate::acceptance;
use crate::steps::Steps;
use crate::suites::{SUITES, Suite};

/// The names of the suites, each with what it does.
pub(crate) fn names() -> Vec<PossibleValue> {
    let named = |suite: &Suite| PossibleValue::new(suite.name).help(suite.does);
    SUITES.iter().map(named).collect()
}

/// Builds everything and runs the suites with these names, or all; also after one failed.
pub(crate) fn run(only: &[String]) -> Result<()> {
    let chosen = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    let suites: Vec<_> = SUITES.iter().filter(|suite| chosen(suite.name)).collect();
    let steps = Steps::new(acceptance::PREPARE_STEPS + suites.len());
    let parts = acceptance::prepare(&steps)?;
    if parts.loan_data.is_none() {
        println!(
            "      UNDERWRITE_LOAN_DATA is not set: acceptance uses the data of this repository alone"
        );
    }
    let mut failed = Vec::new();
    for suite in &suites {
        if let Err(error) = steps.step(suite.does, || (suite.run)(&parts)) {
            println!("      {error:#}");
            failed.push(suite.name);
        }
    }
    ensure!(
        failed.is_empty(),
        "{} of {} suites failed; run them again with `cargo xtask test {}`",
        failed.len(),
        suites.len(),
        failed.join(" ")
    );
    steps.finish(if only.is_empty() {
        "All tests passed"
    } else {
        "These tests passed"
    });
    Ok(())
}
