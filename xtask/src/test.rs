//! `cargo xtask test`: every test, in every host.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::acceptance::{self, program, told_the_parts};
use crate::build;
use crate::python::{self, CLIENTS, MLFLOW};
use crate::served;
use crate::steps::{Steps, openly, openly_testing};
use crate::system::Browser;
use crate::tools::{self, WASM_BINDGEN, WASM_PACK};
use crate::workspace::{self, cargo, command};

/// Each fuzz target's share of a test run, in seconds.
const FUZZ_SECONDS: u32 = 20;

type Run = fn(&Browser) -> Result<()>;

/// Each by its name, with what it does.
const SUITES: [(&str, &str, Run); 13] = [
    ("native", "Test native code", native),
    ("overflow", "Test the core with overflow checks", overflow),
    ("node", "Test the module in Node", module_in_node),
    (
        "chromium",
        "Test the module in Chromium",
        module_in_chromium,
    ),
    ("doors", "Test both doors of a packed module in Node", doors),
    ("worker", "Test the Worker in workerd", worker),
    ("page", "Test the page in Chromium", page),
    (
        "conformance",
        "Compare five hosts on the golden cases",
        conformance,
    ),
    ("fuzz", "Fuzz briefly", fuzz),
    (
        "trackers",
        "Test the trackers against the real MLflow and wandb",
        trackers,
    ),
    (
        "http",
        "Test the server as the old services' clients do, and by its OpenAPI",
        served::http,
    ),
    (
        "oip",
        "Test the server with tritonclient, kserve and mlserver",
        served::oip,
    ),
    (
        "deploy",
        "Test deploy/ with the real Prometheus and Pushgateway",
        served::deploy,
    ),
];

/// The names of the suites.
pub(crate) fn names() -> Vec<&'static str> {
    SUITES.map(|(name, ..)| name).to_vec()
}

/// Builds everything and runs the suites with these names, or all; also after one failed.
pub(crate) fn run(only: &[String]) -> Result<()> {
    let mut suites = SUITES.to_vec();
    suites.retain(|(name, ..)| only.is_empty() || only.iter().any(|wanted| wanted == name));
    let steps = Steps::new(build::EVERYTHING_STEPS + acceptance::PREPARE_STEPS + suites.len());
    build::everything(&steps, None)?;
    let browser = acceptance::prepare(&steps)?;
    if workspace::loan_data().is_none() {
        println!(
            "      The large loan data is not here: acceptance runs on the data of this repository alone"
        );
    }
    let mut failed = Vec::new();
    for (name, does, suite) in &suites {
        if let Err(error) = steps.step(does, || suite(&browser)) {
            println!("      {error:#}");
            failed.push(*name);
        }
    }
    ensure!(
        failed.is_empty(),
        "{} of {} suites failed; again with `cargo xtask test {}`",
        failed.len(),
        suites.len(),
        failed.join(" ")
    );
    steps.finish(match only {
        [] => "All tests passed",
        _ => "These tests passed",
    });
    Ok(())
}

fn native(browser: &Browser) -> Result<()> {
    let arguments = format!("test --no-fail-fast {}", build::PRODUCT);
    openly(told_the_parts(&mut cargo(&arguments), browser))
}

fn overflow(_: &Browser) -> Result<()> {
    openly(&mut cargo(
        "test --locked --package model-core --package model-wasm",
    ))
}

fn module_in_node(_: &Browser) -> Result<()> {
    wasm_pack_test(&["--node"], &[])
}

fn module_in_chromium(browser: &Browser) -> Result<()> {
    let driver = browser.chromedriver.to_string_lossy();
    let chrome = ["--headless", "--chrome", "--chromedriver", &driver];
    // Without this, tests that name no host are left out of a browser's run.
    wasm_pack_test(&chrome, &[("WASM_BINDGEN_USE_BROWSER", "1")])
}

fn doors(browser: &Browser) -> Result<()> {
    node_tests("module", browser)
}

fn worker(browser: &Browser) -> Result<()> {
    node_tests("edge", browser)
}

fn page(browser: &Browser) -> Result<()> {
    node_tests("page", browser)
}

fn conformance(browser: &Browser) -> Result<()> {
    openly(&mut program("conformance", browser)?)
}

fn fuzz(_: &Browser) -> Result<()> {
    acceptance::run_fuzz(FUZZ_SECONDS)
}

/// The tests that native code leaves out, since they need Python's programs.
fn trackers(_: &Browser) -> Result<()> {
    let (mlflow, clients) = (python::venv(&MLFLOW)?, python::venv(&CLIENTS)?);
    let arguments = format!(
        "test --no-fail-fast {} --test mlflow_real --test wandb --test hub -- --ignored --test-threads=1",
        build::PRODUCT
    );
    openly(
        cargo(&arguments)
            .env("UNDERWRITE_MLFLOW_BIN", mlflow)
            .env("UNDERWRITE_WANDB_BIN", clients),
    )
}

fn wasm_pack_test(host: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let mut test = command(WASM_PACK.program("wasm-pack"));
    test.arg("test")
        .args(host)
        .args(["--mode", "no-install", "model-wasm", "--locked"]);
    test.env("PATH", tools::path_with(&[&WASM_BINDGEN])?)
        .envs(environment.iter().copied());
    openly_testing(&mut test)
}

fn node_tests(folder: &str, browser: &Browser) -> Result<()> {
    let tests = workspace::root().join("tests");
    let folder = tests.join(folder);
    let found =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = found.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    ensure!(!files.is_empty(), "no *.test.mjs in {}", folder.display());
    let mut node = command("node");
    node.args(["--test", "--test-concurrency=1"])
        .args(files)
        .current_dir(tests);
    openly(told_the_parts(&mut node, browser))
}
