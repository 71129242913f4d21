//! The suites of `cargo xtask test`. A new one is a row of [`SUITES`] and a function.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::acceptance::{self, Parts, program};
use crate::python::{self, CLIENTS, IMPORT, MLFLOW, NOTEBOOK, PACKAGE, SCALE, WASMTIME};
use crate::steps::{openly, openly_testing};
use crate::tools::{self, WASM_BINDGEN, WASM_PACK};
use crate::workspace::{self, cargo, command};
use crate::{build, data, engine, npm, served, system, wheel};

/// A part of the tests that can be run alone.
pub(crate) struct Suite {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it does, in the imperative.
    pub(crate) does: &'static str,
    /// Fails where a test fails.
    pub(crate) run: fn(&Parts) -> Result<()>,
}

/// All suites, the quickest answers first.
pub(crate) const SUITES: &[Suite] = &[
    Suite {
        name: "native",
        does: "Test native code",
        run: native,
    },
    Suite {
        name: "doc",
        does: "Run the examples in the documentation",
        run: doc,
    },
    Suite {
        name: "overflow",
        does: "Test the core with overflow checks",
        run: overflow,
    },
    Suite {
        name: "engine",
        does: "Compare the demo's engine with the one that wasm-pack builds",
        run: |_| engine::compare(),
    },
    Suite {
        name: "node",
        does: "Test the module in Node",
        run: module_in_node,
    },
    Suite {
        name: "chromium",
        does: "Test the module in Chromium",
        run: module_in_chromium,
    },
    Suite {
        name: "exports",
        does: "Test the exports and the JavaScript API of a packed module in Node",
        run: |parts| node_tests("module", parts),
    },
    Suite {
        name: "examples",
        does: "Run what is in examples/",
        run: examples,
    },
    Suite {
        name: "guides",
        does: "Run the commands of the guides",
        run: |parts| {
            let mut run = command("bash");
            run.arg(workspace::root().join("docs/guides/run.sh"));
            openly(parts.tell(&mut run))
        },
    },
    Suite {
        name: "worker",
        does: "Test the Worker in workerd",
        run: |parts| node_tests("edge", parts),
    },
    Suite {
        name: "page",
        does: "Test the page in Chromium",
        run: |parts| node_tests("page", parts),
    },
    Suite {
        name: "conformance",
        does: "Compare six hosts on the golden cases",
        run: conformance,
    },
    Suite {
        name: "python",
        does: "Test the Python package with pandas, scikit-learn and others, and run its notebook",
        run: packaged,
    },
    Suite {
        name: "scale",
        does: "Score on Spark with two workers, in DuckDB and in Polars, and compare every bit",
        run: scale,
    },
    Suite {
        name: "npm",
        does: "Test the npm package in Node and, bundled, in Chromium",
        run: npm::test,
    },
    Suite {
        name: "fuzz",
        does: "Fuzz briefly",
        run: |_| acceptance::run_fuzz(FUZZ_SECONDS),
    },
    Suite {
        name: "fire",
        does: "Attack the running server, and watch its memory and its other clients",
        run: fire,
    },
    Suite {
        name: "import",
        does: "Compare imported models with the libraries that trained them",
        run: import,
    },
    Suite {
        name: "trackers",
        does: "Test the trackers against the real MLflow and wandb",
        run: trackers,
    },
    Suite {
        name: "signing",
        does: "Test signatures with model_signing and @sigstore/verify",
        run: served::signing,
    },
    Suite {
        name: "http",
        does: "Test the server with the old services' clients and requests from its OpenAPI",
        run: served::http,
    },
    Suite {
        name: "openapi",
        does: "Generate clients in TypeScript, Python and Go from the OpenAPI document, and ask",
        run: served::openapi,
    },
    Suite {
        name: "oip",
        does: "Test the server with tritonclient, kserve and mlserver",
        run: served::oip,
    },
    Suite {
        name: "deploy",
        does: "Test deploy/ with the real Prometheus and Pushgateway",
        run: served::deploy,
    },
];

/// Trains models with the real libraries, and compares every answer and every leaf.
fn import(parts: &Parts) -> Result<()> {
    let bin = python::venv(&IMPORT)?;
    let folder = workspace::target().join("import");
    let make = workspace::root().join("model-import/tests/matrix/make.py");
    openly(command(bin.join("python")).arg(make).arg(&folder))?;
    let arguments = format!(
        "test {} --test matrix -- --ignored --nocapture",
        build::PRODUCT
    );
    let mut test = cargo(&arguments);
    test.env("UNDERWRITE_IMPORT_MATRIX", &folder);
    openly(parts.tell(&mut test))
}

/// Each fuzz target's share of a test run, in seconds.
const FUZZ_SECONDS: u32 = 20;

/// The attacks that native code leaves out: they measure, so each runs alone.
fn fire(parts: &Parts) -> Result<()> {
    let arguments = format!(
        "test {} --test fire -- --ignored --nocapture --test-threads=1",
        build::PRODUCT
    );
    openly(parts.tell(&mut cargo(&arguments)))
}

/// Everything but the examples in the documentation, which [`doc`] runs.
fn native(parts: &Parts) -> Result<()> {
    let arguments = format!(
        "test --no-fail-fast --lib --bins --tests {}",
        build::PRODUCT
    );
    openly(parts.tell(&mut cargo(&arguments)))
}

fn doc(parts: &Parts) -> Result<()> {
    let arguments = format!("test --no-fail-fast --doc {}", build::PRODUCT);
    openly(parts.tell(&mut cargo(&arguments)))
}

fn overflow(_: &Parts) -> Result<()> {
    openly(&mut cargo(
        "test --locked --package model-core --package model-wasm",
    ))
}

fn module_in_node(_: &Parts) -> Result<()> {
    wasm_pack_test(&["--node"], &[])
}

fn module_in_chromium(parts: &Parts) -> Result<()> {
    let driver = parts.browser.chromedriver.to_string_lossy();
    let chrome = ["--headless", "--chrome", "--chromedriver", &driver];
    // Without this, tests that name no host are left out of a browser's run.
    wasm_pack_test(&chrome, &[("WASM_BINDGEN_USE_BROWSER", "1")])
}

/// Each folder's `run.sh` on one model; their decisions have to be the same.
fn examples(parts: &Parts) -> Result<()> {
    let mut run = command("bash");
    run.arg(workspace::root().join("examples/run.sh"))
        .arg(acceptance::test_models().join("loan.wasm"))
        .env("PYTHON", python::venv(&WASMTIME)?.join("python"));
    openly(parts.tell(&mut run))
}

fn conformance(parts: &Parts) -> Result<()> {
    let mut compare = program("conformance", parts)?;
    wheel::tell(&mut compare)?;
    openly(&mut compare)
}

/// The package as it is installed, with the libraries whose tables it takes and whose models it
/// imports.
fn packaged(parts: &Parts) -> Result<()> {
    let package = wheel::install()?;
    let notebook = workspace::target().join("notebook");
    for (environment, tests) in [(&PACKAGE, "python/tests"), (&NOTEBOOK, "tests/notebook")] {
        let mut pytest = command(python::venv(environment)?.join("python"));
        pytest.args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider", tests]);
        // Threads of several libraries that wait for each other take minutes on a busy machine.
        pytest
            .env("UNDERWRITE_NOTEBOOK", &notebook)
            .env("OMP_NUM_THREADS", "1");
        package.tell(&mut pytest)?;
        openly(parts.tell(&mut pytest))?;
    }
    // The models of the example notebook, in the page.
    let mut node = command("node");
    node.args(["--test", "notebook/page.test.mjs"])
        .env("UNDERWRITE_NOTEBOOK", notebook)
        .current_dir(workspace::root().join("tests"));
    openly(parts.tell(&mut node))
}

/// The package on engines that score more rows than one machine holds.
fn scale(parts: &Parts) -> Result<()> {
    let java = system::java()?;
    let bin = python::venv(&SCALE)?;
    let folder = workspace::target().join("scale");
    fs::create_dir_all(&folder)?;
    let rows = match &parts.loan_data {
        Some(real) => real.join("loan_data.csv"),
        None => {
            let made = folder.join("rows.csv");
            fs::write(&made, data::loan_sample(SCALE_ROWS))?;
            made
        }
    };
    let mut pytest = command(bin.join("python"));
    pytest.args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider"]);
    pytest.args(["--durations=5", "tests/scale"]);
    wheel::tell(&mut pytest)?;
    pytest
        .env("JAVA_HOME", java)
        .env("UNDERWRITE_SCALE_DIR", &folder)
        .env("UNDERWRITE_SCALE_ROWS", rows);
    openly(parts.tell(&mut pytest))
}

/// As many as the real file has.
const SCALE_ROWS: usize = 45_000;

/// The tests that native code leaves out, since they need Python's programs.
fn trackers(_: &Parts) -> Result<()> {
    let (mlflow, clients) = (python::venv(&MLFLOW)?, python::venv(&CLIENTS)?);
    let arguments = format!(
        "test --no-fail-fast {} --test mlflow_real --test wandb --test hub -- --ignored --test-threads=1",
        build::PRODUCT
    );
    openly(
        cargo(&arguments)
            .env("UNDERWRITE_MLFLOW_BIN", &mlflow)
            .env("UNDERWRITE_WANDB_BIN", clients),
    )?;
    // What was registered is loaded by MLflow's client and the Python package.
    let folder = workspace::target().join("mlflow");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let script = workspace::root().join("tests/tracking/mlflow_predict.py");
    openly(
        command(mlflow.join("python"))
            .arg(script)
            .arg(folder)
            .env("PYTHONPATH", wheel::install()?.site)
            .env("UNDERWRITE_BIN", workspace::underwrite()),
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

fn node_tests(folder: &str, parts: &Parts) -> Result<()> {
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
    openly(parts.tell(&mut node))
}
