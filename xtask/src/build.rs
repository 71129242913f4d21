//! From source to what is shipped: the engine, the program, the page, the Worker.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow};

use crate::steps::{Steps, quietly};
use crate::system;
use crate::tools::{self, BINARYEN, ESBUILD, WASM_BINDGEN, WASM_PACK, WORKER_BUILD};
use crate::workspace::{self, cargo, command};

/// What wasm-pack needs.
const ENGINE_TOOLS: &[&tools::Tool] = &[&BINARYEN, &WASM_BINDGEN, &WASM_PACK];
/// What the Worker's build needs besides.
const WORKER_TOOLS: &[&tools::Tool] = &[&BINARYEN, &ESBUILD, &WASM_BINDGEN, &WORKER_BUILD];

/// What rustc emits for the module, and no more: wasm-opt may use only these.
const ENGINE_FEATURES: &[&str] = &[
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
];

/// How native code is compiled. Always for the same packages: cargo unites the features that the
/// chosen packages ask of a library, and for another choice it would compile wasmtime again.
pub(crate) const PRODUCT: &str = "--release --locked --workspace --exclude edge-worker";

/// Steps of [`program`].
pub(crate) const PROGRAM_STEPS: usize = 3;
/// Steps of [`everything`].
pub(crate) const EVERYTHING_STEPS: usize = PROGRAM_STEPS + 2;

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

/// The program, the page's files and the Worker's files.
pub(crate) fn everything(steps: &Steps, model: Option<&Path>) -> Result<()> {
    program(steps)?;
    steps.step("Copy the page to target/page", || page(model))?;
    steps.step("Build the Worker into target/edge", || worker(model))
}

/// The `underwrite` program with the engine inside.
pub(crate) fn program(steps: &Steps) -> Result<()> {
    steps.step(
        "Install the tools, and compile the libraries meanwhile",
        tools_and_libraries,
    )?;
    engine(steps)?;
    steps.step("Build target/release/underwrite", || {
        quietly(
            "underwrite",
            &mut cargo(&format!("build --bin underwrite {PRODUCT}")),
        )
    })
}

/// The engine: `engine.wasm`, `model.js` and `model.d.ts` in `target/engine`.
pub(crate) fn engine(steps: &Steps) -> Result<()> {
    steps.step("Build target/engine/engine.wasm", || {
        system::prepare()?;
        tools::install(ENGINE_TOOLS)?;
        pack_engine()
    })
}

/// Tools compile one crate after another and the server's libraries have a long tail: two at a
/// time keep both cores busy.
fn tools_and_libraries() -> Result<()> {
    system::prepare()?;
    thread::scope(|scope| {
        let libraries =
            scope.spawn(|| quietly("libraries", &mut cargo(&format!("build --lib {PRODUCT}"))));
        tools::install(ENGINE_TOOLS)?;
        libraries
            .join()
            .map_err(|_| anyhow!("compiling the libraries panicked"))?
    })
}

fn pack_engine() -> Result<()> {
    let packed = workspace::target().join("wasm-pack");
    let mut wasm_pack = command(WASM_PACK.program("wasm-pack"));
    wasm_pack.args([
        "build",
        "model-wasm",
        "--mode",
        "no-install",
        "--target",
        "web",
    ]);
    wasm_pack.args([
        "--no-opt",
        "--no-pack",
        "--profile",
        "engine",
        "--out-name",
        "model",
    ]);
    wasm_pack
        .arg("--out-dir")
        .arg(&packed)
        .args(["--", "--locked", "--config"]);
    wasm_pack
        .arg(remap_paths()?)
        .env("PATH", tools::path_with(ENGINE_TOOLS)?);
    quietly("wasm-pack", &mut wasm_pack)?;

    let optimized = packed.join("engine.wasm");
    let mut wasm_opt = command(BINARYEN.program("wasm-opt"));
    wasm_opt
        // After the usual passes: what is used most gets the numbers that take one byte, and a
        // constant that is used often stands once in a function. Compilers see the same.
        .args([
            "-O3",
            "--const-hoisting",
            "--reorder-locals",
            "--reorder-functions",
        ])
        .args(ENGINE_FEATURES)
        .arg(packed.join("model_bg.wasm"));
    quietly("wasm-opt", wasm_opt.arg("--output").arg(&optimized))?;

    for name in ["engine.wasm", "model.js", "model.d.ts"] {
        copy_if_different(&packed.join(name), &workspace::engine().join(name))?;
    }
    println!(
        "      engine.wasm: {} bytes",
        fs::metadata(optimized)?.len()
    );
    Ok(())
}

/// Panic messages carry source paths; without this the engine's bytes would depend on where it
/// was built.
fn remap_paths() -> Result<String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let flags = [
        (home.as_path(), "/cargo"),
        (workspace::root(), "/underwrite"),
    ]
    .map(|(from, to)| {
        format!(
            "{:?}",
            format!("--remap-path-prefix={}={to}", from.display())
        )
    });
    Ok(format!(
        "target.wasm32-unknown-unknown.rustflags=[{}]",
        flags.join(",")
    ))
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

/// Leaves an equal file alone, so that cargo does not build again what depends on it.
fn copy_if_different(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(to, bytes).with_context(|| format!("cannot write {}", to.display()))
}
