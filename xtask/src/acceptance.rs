//! What runs the finished product: conformance, benchmark, fuzz; and what that needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::build;
use crate::steps::{Steps, openly, quietly};
use crate::system::{self, Browser};
use crate::workspace::{self, cargo, command};

/// Which rows the hosts are compared on; the golden cases when no file is given.
#[derive(Args)]
pub(crate) struct Conformance {
    /// The rows, as CSV
    #[arg(long, value_name = "FILE", requires = "schema")]
    data: Option<PathBuf>,
    /// The schema of the rows
    #[arg(long, value_name = "FILE", requires = "data")]
    schema: Option<PathBuf>,
    /// Only this many rows, spread over the file [default: 2000]
    #[arg(long, value_name = "N", requires = "data", conflicts_with = "all")]
    rows: Option<usize>,
    /// All rows
    #[arg(long, requires = "data")]
    all: bool,
}

/// Steps of [`prepare`].
pub(crate) const PREPARE_STEPS: usize = 2;
/// Name, kind, data and schema of the models that the tests decide with.
const MODELS: [(&str, &str, &str, &str); 3] = [
    ("loan", "random_forest", "loan_sample.csv", "loan.toml"),
    (
        "points",
        "logistic_regression",
        "points_sample.csv",
        "points.toml",
    ),
    (
        "german_credit",
        "random_forest",
        "german_credit.csv",
        "german_credit.toml",
    ),
];

/// `cargo xtask conformance`.
pub(crate) fn conformance(options: &Conformance) -> Result<()> {
    let steps = Steps::new(build::EVERYTHING_STEPS + PREPARE_STEPS + 1);
    build::everything(&steps, None)?;
    let browser = prepare(&steps)?;
    let mut compare = program("conformance", &browser)?;
    if let (Some(data), Some(schema)) = (&options.data, &options.schema) {
        compare
            .arg("--data")
            .arg(fs::canonicalize(data).with_context(|| name(data))?);
        compare
            .arg("--schema")
            .arg(fs::canonicalize(schema).with_context(|| name(schema))?);
    }
    if let Some(rows) = options.rows {
        compare.args(["--rows", &rows.to_string()]);
    }
    if options.all {
        compare.arg("--all");
    }
    // Its last line is the answer: nothing is printed after it.
    steps.last("Compare five hosts", || openly(&mut compare))
}

/// `cargo xtask bench`.
pub(crate) fn bench() -> Result<()> {
    let steps = Steps::new(build::EVERYTHING_STEPS + PREPARE_STEPS + 1);
    build::everything(&steps, None)?;
    let browser = prepare(&steps)?;
    steps.last("Measure", || openly(&mut program("bench", &browser)?))
}

/// `cargo xtask fuzz`.
pub(crate) fn fuzz(seconds: u32) -> Result<()> {
    let steps = Steps::new(1);
    steps.step("Fuzz", || run_fuzz(seconds))
}

/// Runs each fuzz target for a while.
pub(crate) fn run_fuzz(seconds: u32) -> Result<()> {
    let mut fuzz = command(built("fuzz")?);
    openly(fuzz.args(["--seconds", &seconds.to_string()]))
}

/// Has Node's packages and the browser installed and the test models trained.
pub(crate) fn prepare(steps: &Steps) -> Result<Browser> {
    let browser = steps.step("Install what the tests need", || {
        install_node_packages()?;
        system::browser()
    })?;
    steps.step(
        "Train the test models into target/test-models",
        train_models,
    )?;
    Ok(browser)
}

/// A program of the crate `acceptance`, told where the parts are.
pub(crate) fn program(name: &str, browser: &Browser) -> Result<Command> {
    let mut run = command(built(name)?);
    told_the_parts(&mut run, browser);
    Ok(run)
}

fn built(name: &str) -> Result<PathBuf> {
    let arguments = format!("build --bin {name} {}", build::PRODUCT);
    quietly(name, &mut cargo(&arguments))?;
    Ok(workspace::built(name))
}

/// Tells a test where the parts are that it tests, by environment variables.
pub(crate) fn told_the_parts<'a>(command: &'a mut Command, browser: &Browser) -> &'a mut Command {
    let models = workspace::target().join("test-models");
    command
        .env("UNDERWRITE_BIN", workspace::underwrite())
        .env("UNDERWRITE_TEST_MODEL", models.join("loan.wasm"))
        .env("UNDERWRITE_TEST_MODELS_DIR", models)
        .env("UNDERWRITE_PAGE_DIR", workspace::target().join("page"))
        .env("UNDERWRITE_EDGE_DIR", workspace::target().join("edge"))
        .env("CHROMIUM", &browser.chromium)
        .env("CHROMEDRIVER", &browser.chromedriver);
    if let Some(folder) = workspace::loan_data() {
        command.env("UNDERWRITE_LOAN_DATA", folder);
    }
    command
}

/// Trains one model on files of `data/`, with this log.
pub(crate) fn train(name: &str, kind: &str, data: &str, schema: &str, out: &Path) -> Result<()> {
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder)?;
    }
    let from = workspace::root().join("data");
    let mut train = command(workspace::underwrite());
    train
        .arg("train")
        .arg("--data")
        .arg(from.join(data))
        .arg("--schema")
        .arg(from.join(schema));
    train.args(["--model", kind]).arg("--out").arg(out);
    quietly(&format!("train-{name}"), &mut train)
}

fn train_models() -> Result<()> {
    for (name, kind, data, schema) in MODELS {
        let out = workspace::target().join(format!("test-models/{name}.wasm"));
        train(name, kind, data, schema, &out)?;
    }
    Ok(())
}

fn install_node_packages() -> Result<()> {
    let tests = workspace::root().join("tests");
    let written = |file: &str| fs::metadata(tests.join(file)).and_then(|data| data.modified());
    if let (Ok(lock), Ok(there)) = (
        written("package-lock.json"),
        written("node_modules/.package-lock.json"),
    ) && there >= lock
    {
        return Ok(());
    }
    quietly(
        "npm-ci",
        command("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(tests),
    )
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
