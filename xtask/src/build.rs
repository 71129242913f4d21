//! From source to what is shipped: the engine, the program, the page, the Worker.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow};

use crate::engine;
use crate::steps::{Steps, quietly};
use crate::system;
use crate::tools::{self, BINARYEN, ESBUILD, WASM_BINDGEN, WORKER_BUILD};
use crate::workspace::{self, cargo, command, copy_if_different};

/// What the Worker's build needs besides.
const WORKER_TOOLS: &[&tools::Tool] = &[&BINARYEN, &ESBUILD, &WASM_BINDGEN, &WORKER_BUILD];

/// How native code is compiled. Always for the same packages: cargo unites the features that the
/// chosen packages ask of a library, and for another choice it would compile wasmtime again.
pub(crate) const PRODUCT: &str = "--release --locked --workspace --exclude edge-worker";

/// How the demo's program is compiled: soon, see `[profile.demo]`, and without the crates that only
/// tests and the module need. The same packages in both of its steps, for the reason above.
const DEMO: &str = "--profile demo --locked --workspace --exclude edge-worker \
                    --exclude model-wasm --exclude acceptance";

/// Steps of [`everything`].
pub(crate) const EVERYTHING_STEPS: usize = 5;
/// Steps of [`demo`].
pub(crate) const DEMO_STEPS: usize = 2;

/// `cargo xtask build`.
pub(crate) fn run(model: Option<&Path>) -> Result<()> {
    let model = model.map(existing).transpose()?;
    let model = model.as_deref();
    let steps = Steps::new(EVERYTHING_STEPS);
    everything(&steps, model)?;
    steps.finish(&format!("{} is ready", workspace::underwrite().display()));
    Ok(())
}

fn existing(file: &Path) -> Result<PathBuf> {
    fs::canonicalize(file).with_context(|| format!("cannot read {}", file.display()))
}

/// The program with the released engine inside, the page's files and the Worker's files.
pub(crate) fn everything(steps: &Steps, model: Option<&Path>) -> Result<()> {
    steps.step("Install the tools and compile the libraries", || {
        system::prepare()?;
        beside_the_libraries(PRODUCT, || tools::install(engine::TOOLS))
    })?;
    steps.step("Build target/engine/engine.wasm", engine::build)?;
    steps.step("Build target/release/underwrite", || program(PRODUCT))?;
    steps.step("Copy the page to target/page", || page(model))?;
    steps.step("Build the Worker into target/edge", || worker(model))
}

/// The demo's program, with the same engine inside.
pub(crate) fn demo(steps: &Steps) -> Result<()> {
    steps.step("Build the engine and compile the libraries", || {
        system::prepare()?;
        beside_the_libraries(DEMO, engine::build_quickly)
    })?;
    steps.step("Build target/demo/underwrite", || program(DEMO))
}

fn program(selection: &str) -> Result<()> {
    let arguments = format!("build --bin underwrite {selection}");
    quietly("underwrite", &mut cargo(&arguments))
}

/// Tools and the engine compile one crate after another, and the libraries have a long tail: two
/// at a time keep both cores busy.
fn beside_the_libraries(selection: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    thread::scope(|scope| {
        let libraries =
            scope.spawn(|| quietly("libraries", &mut cargo(&format!("build --lib {selection}"))));
        work()?;
        libraries
            .join()
            .map_err(|_| anyhow!("compiling the libraries panicked"))?
    })
}

/// The page's files in `target/page`; with a model, servable as plain files.
fn page(model: Option<&Path>) -> Result<()> {
    let page = workspace::target().join("page");
    copy_folder(&workspace::root().join("web"), &page)?;
    if let Some(model) = model {
        copy_if_different(model, &page.join("model.wasm"))?;
        copy_if_different(
            &workspace::engine().join("model.js"),
            &page.join("model.js"),
        )?;
    }
    Ok(())
}

/// The Worker's files in `target/edge`; with a model, ready for wrangler.
fn worker(model: Option<&Path>) -> Result<()> {
    tools::install(WORKER_TOOLS)?;
    let edge = workspace::target().join("edge");
    let mut worker_build = command(WORKER_BUILD.program("worker-build"));
    worker_build
        .args(["--profile", "edge", "--out-dir"])
        .arg(&edge)
        .current_dir(workspace::root().join("edge-worker"))
        // worker-build does not look on the search path.
        .env("WASM_BINDGEN_BIN", WASM_BINDGEN.program("wasm-bindgen"))
        .env("WASM_OPT_BIN", BINARYEN.program("wasm-opt"))
        .env("ESBUILD_BIN", ESBUILD.program("esbuild"));
    quietly("worker", &mut worker_build)?;
    let Some(model) = model else { return Ok(()) };
    let mut stage = command("node");
    quietly(
        "stage",
        stage.arg("edge-worker/stage.mjs").args([model, &edge]),
    )
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        let there = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &there)?;
        } else {
            copy_if_different(&path, &there)?;
        }
    }
    Ok(())
}
