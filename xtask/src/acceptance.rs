//! Programs that run the finished product (conformance, benchmarks, fuzzing), and what they need.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::build;
use crate::data;
use crate::python::{self, QUALITY, SPEED};
use crate::steps::{Steps, openly, quietly};
use crate::system::{self, Browser};
use crate::wheel;
use crate::workspace::{self, cargo, command};

/// The rows that the hosts are compared on; the golden cases when no file is given.
#[derive(Args)]
pub(crate) struct Conformance {
    /// Rows to decide, as CSV
    #[arg(long, value_name = "FILE", requires = "schema")]
    data: Option<PathBuf>,
    /// Schema of the rows
    #[arg(long, value_name = "FILE", requires = "data")]
    schema: Option<PathBuf>,
    /// Number of rows, spread evenly over the file [default: 2000]
    #[arg(long, value_name = "N", requires = "data", conflicts_with = "all")]
    rows: Option<usize>,
    /// Decide all rows
    #[arg(long, requires = "data")]
    all: bool,
}

/// Steps of [`prepare`].
pub(crate) const PREPARE_STEPS: usize = build::EVERYTHING_STEPS + 2;
/// A model of the data in this repository.
pub(crate) struct Sample {
    /// Name of its log, and of the tests' model.
    pub(crate) name: &'static str,
    /// Model family, as `--model` takes it.
    pub(crate) family: &'static str,
    /// File of `data/`.
    pub(crate) data: &'static str,
    /// File of `data/`.
    pub(crate) schema: &'static str,
    /// File of `data/` with lending rules.
    pub(crate) policy: Option<&'static str>,
}

/// The models that the tests decide with.
const MODELS: [Sample; 3] = [
    Sample {
        name: "loan",
        family: "random_forest",
        data: "loan_sample.csv",
        schema: "loan.toml",
        policy: None,
    },
    Sample {
        name: "points",
        family: "logistic_regression",
        data: "points_sample.csv",
        schema: "points.toml",
        policy: None,
    },
    Sample {
        name: "german_credit",
        family: "random_forest",
        data: "german_credit.csv",
        schema: "german_credit.toml",
        policy: None,
    },
];

/// What a test needs beside the files that were built.
pub(crate) struct Parts {
    /// To test the page and the module in.
    pub(crate) browser: Browser,
    /// The folder of the large real data file, where there is one.
    pub(crate) loan_data: Option<PathBuf>,
}

/// `cargo xtask conformance`.
pub(crate) fn conformance(options: &Conformance) -> Result<()> {
    let steps = Steps::new(PREPARE_STEPS + 2);
    let parts = prepare(&steps)?;
    let mut compare = program("conformance", &parts)?;
    steps.step("Build the Python package", || wheel::tell(&mut compare))?;
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
    steps.last("Compare six hosts", || openly(&mut compare))
}

/// `cargo xtask bench`.
pub(crate) fn bench() -> Result<()> {
    let steps = Steps::new(PREPARE_STEPS + 1);
    let parts = prepare(&steps)?;
    steps.last("Measure", || openly(&mut program("bench", &parts)?))
}

/// `cargo xtask bench quality`.
pub(crate) fn quality() -> Result<()> {
    let steps = Steps::new(build::EVERYTHING_STEPS + 2);
    build::everything(&steps, None)?;
    let bin = steps.step("Install what others train with", || python::venv(&QUALITY))?;
    let folder = workspace::root().join("tests").join("quality");
    let mut bench = command(bin.join("python"));
    // One thread each, whatever numpy would take.
    bench
        .env("OMP_NUM_THREADS", "1")
        .arg(folder.join("bench.py"));
    bench.arg("--underwrite").arg(workspace::underwrite());
    bench.arg("--work").arg(workspace::target().join("quality"));
    steps.last("Train ours and others", || openly(&mut bench))
}

/// Rows of `cargo xtask bench train`; four fifths of them are fitted on.
const TRAIN_ROWS: usize = 1_000_000;

/// `cargo xtask bench train`.
pub(crate) fn bench_train() -> Result<()> {
    let steps = Steps::new(4);
    let fit = steps.step("Build what fits", || built("fit"))?;
    let bin = steps.step("Install what others train with", || python::venv(&QUALITY))?;
    let folder = workspace::target().join("bench");
    let rows = folder.join("train.csv");
    let schema = folder.join("train.toml");
    steps.step("Make the rows", || {
        fs::create_dir_all(&folder)?;
        fs::write(&rows, data::loan_sample(TRAIN_ROWS))?;
        let text = fs::read_to_string(workspace::root().join("data/loan.toml"))?;
        // Everything that is given is an input, as for the others.
        let text = text.replace("role = \"protected\"", "role = \"input\"");
        Ok(fs::write(&schema, text)?)
    })?;
    let script = workspace::root().join("tests/speed/train.py");
    let mut bench = command(bin.join("python"));
    bench.arg(script).arg("--fit").arg(fit);
    bench.arg("--data").arg(rows).arg("--schema").arg(schema);
    steps.last("Fit ours and LightGBM", || openly(&mut bench))
}

/// Rows of `cargo xtask bench import`; the last 10,000 are asked about.
const IMPORT_ROWS: usize = 60_000;

/// `cargo xtask bench import`.
pub(crate) fn bench_import() -> Result<()> {
    let steps = Steps::new(build::EVERYTHING_STEPS + 4);
    build::everything(&steps, None)?;
    let laps = steps.step("Build what times a module", || built("laps"))?;
    let bin = steps.step("Install lleaves and LightGBM", || python::venv(&SPEED))?;
    let folder = workspace::target().join("bench/import");
    let rows = folder.join("rows.csv");
    fs::create_dir_all(&folder)?;
    fs::write(&rows, data::loan_sample(IMPORT_ROWS))?;
    let mut bench = command(bin.join("python"));
    steps.step("Build the Python package", || wheel::tell(&mut bench))?;
    bench.arg(workspace::root().join("tests/speed/import/import.py"));
    bench.arg("--laps").arg(laps).arg("--data").arg(rows);
    bench.arg("--underwrite").arg(workspace::underwrite());
    bench.arg("--work").arg(folder);
    steps.last("Ask theirs and ours", || openly(&mut bench))
}

/// `cargo xtask fuzz`.
pub(crate) fn fuzz(seconds: u32) -> Result<()> {
    let steps = Steps::new(1);
    steps.step("Fuzz", || run_fuzz(seconds))
}

/// `cargo xtask soak`.
pub(crate) fn soak(minutes: u32) -> Result<()> {
    let steps = Steps::new(PREPARE_STEPS + 1);
    let parts = prepare(&steps)?;
    steps.last("Soak", || {
        let mut soak = program("soak", &parts)?;
        openly(soak.args(["--minutes", &minutes.to_string()]))
    })
}

/// Runs a program of the crate `acceptance` that needs no arguments.
pub(crate) fn long(name: &str) -> Result<()> {
    let steps = Steps::new(PREPARE_STEPS + 1);
    let parts = prepare(&steps)?;
    steps.last(name, || openly(&mut program(name, &parts)?))
}

/// Runs each fuzz target for a while.
pub(crate) fn run_fuzz(seconds: u32) -> Result<()> {
    let mut fuzz = command(built("fuzz")?);
    openly(fuzz.args(["--seconds", &seconds.to_string()]))
}

/// Builds everything, installs Node's packages and the browser, and trains the test models.
pub(crate) fn prepare(steps: &Steps) -> Result<Parts> {
    // First, since a wrong setting should not cost a build.
    let loan_data = workspace::loan_data()?;
    build::everything(steps, None)?;
    let browser = steps.step("Install what the tests need", || {
        install_node_packages()?;
        system::browser()
    })?;
    steps.step(
        "Train the test models into target/test-models",
        train_models,
    )?;
    Ok(Parts { browser, loan_data })
}

/// A program of the crate `acceptance`, told where the parts are.
pub(crate) fn program(name: &str, parts: &Parts) -> Result<Command> {
    let mut run = command(built(name)?);
    parts.tell(&mut run);
    Ok(run)
}

fn built(name: &str) -> Result<PathBuf> {
    let arguments = format!("build --bin {name} {}", build::PRODUCT);
    quietly(name, &mut cargo(&arguments))?;
    Ok(workspace::built("release", name))
}

impl Parts {
    /// Tells a test where everything is, by environment variables.
    pub(crate) fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let models = test_models();
        command
            .env("UNDERWRITE_BIN", workspace::underwrite())
            .env("UNDERWRITE_TEST_MODEL", models.join("loan.wasm"))
            .env("UNDERWRITE_TEST_MODELS_DIR", models)
            .env("UNDERWRITE_PAGE_DIR", workspace::target().join("page"))
            .env("UNDERWRITE_EDGE_DIR", workspace::target().join("edge"))
            .env("CHROMIUM", &self.browser.chromium)
            .env("CHROMEDRIVER", &self.browser.chromedriver);
        if let Some(folder) = &self.loan_data {
            command.env("UNDERWRITE_LOAN_DATA", folder);
        }
        command
    }
}

/// The folder of the models that the tests decide with.
pub(crate) fn test_models() -> PathBuf {
    workspace::target().join("test-models")
}

impl Sample {
    /// Trains it with this program.
    pub(crate) fn train(&self, program: &Path, out: &Path) -> Result<()> {
        if let Some(folder) = out.parent() {
            fs::create_dir_all(folder)?;
        }
        let data = workspace::root().join("data");
        let mut train = command(program);
        train
            .args(["train", "--model", self.family, "--data"])
            .arg(data.join(self.data))
            .arg("--schema")
            .arg(data.join(self.schema))
            .arg("--out")
            .arg(out);
        if let Some(policy) = self.policy {
            train.arg("--policy").arg(data.join(policy));
        }
        quietly(&format!("train-{}", self.name), &mut train)
    }
}

fn train_models() -> Result<()> {
    for model in &MODELS {
        let out = test_models().join(format!("{}.wasm", model.name));
        model.train(&workspace::underwrite(), &out)?;
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
