//! The engine: `engine.wasm`, the module without a model, with `model.js` and `model.d.ts`.
//!
//! wasm-pack builds the one that is released. It and wasm-bindgen-cli take minutes to compile, so
//! the demo takes the same steps without them: cargo with the same arguments, then wasm-bindgen as
//! a library. [`compare`] checks that both ways write the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::silence::silence;
use crate::steps::quietly;
use crate::system;
use crate::tools::{self, BINARYEN, WASM_BINDGEN, WASM_PACK};
use crate::wasm;
use crate::workspace::{self, cargo, command, copy_if_different};

/// What wasm-pack needs.
pub(crate) const TOOLS: &[&tools::Tool] = &[&BINARYEN, &WASM_BINDGEN, &WASM_PACK];

/// The files of an engine.
const FILES: [&str; 3] = ["engine.wasm", "model.js", "model.d.ts"];

/// What rustc emits for the module, and no more: wasm-opt may use only these.
const FEATURES: &[&str] = &[
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
];

/// Builds the released engine into `target/engine`, with wasm-pack.
pub(crate) fn build() -> Result<()> {
    system::prepare()?;
    tools::install(TOOLS)?;
    let folder = by_wasm_pack()?;
    optimize(&folder)?;
    deliver(&folder)
}

/// Builds the same engine into `target/engine` without wasm-pack.
pub(crate) fn build_quickly() -> Result<()> {
    system::prepare()?;
    // wasm-opt is a download that only the last command waits for.
    let folder = thread::scope(|scope| {
        let optimizer = scope.spawn(|| tools::install(&[&BINARYEN]));
        let folder = by_library()?;
        optimizer
            .join()
            .map_err(|_| anyhow!("installing {} panicked", BINARYEN.name))??;
        anyhow::Ok(folder)
    })?;
    optimize(&folder)?;
    deliver(&folder)
}

/// Builds the engine in both ways.
///
/// # Errors
/// Names the first file that differs.
pub(crate) fn compare() -> Result<()> {
    tools::install(TOOLS)?;
    let (released, quick) = (by_wasm_pack()?, by_library()?);
    optimize(&released)?;
    optimize(&quick)?;
    for name in FILES {
        let read = |folder: &Path| {
            let path = folder.join(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let (expected, found) = (read(&released)?, read(&quick)?);
        ensure!(
            expected == found,
            "{name} differs between {} ({} bytes) and {} ({} bytes): xtask/glue has to do what \
             wasm-pack has wasm-bindgen do",
            released.display(),
            expected.len(),
            quick.display(),
            found.len()
        );
        println!("      {name}: the same {} bytes", found.len());
    }
    Ok(())
}

fn by_wasm_pack() -> Result<PathBuf> {
    let folder = workspace::target().join("wasm-pack");
    let mut wasm_pack = command(WASM_PACK.program("wasm-pack"));
    let build = "build model-wasm --mode no-install --target web --no-opt --no-pack";
    wasm_pack
        .args(build.split_whitespace())
        .args(["--profile", "engine", "--out-name", "model", "--out-dir"])
        .arg(&folder)
        .args(["--", "--locked", "--config"])
        .arg(rustflags()?)
        .env("PATH", tools::path_with(TOOLS)?);
    quietly("wasm-pack", &mut wasm_pack)?;
    Ok(folder)
}

fn by_library() -> Result<PathBuf> {
    let build = "build --package model-wasm --lib --profile engine --locked \
                 --target wasm32-unknown-unknown --config";
    quietly("engine", cargo(build).arg(rustflags()?))?;

    let folder = glue_target().join("out");
    let module = workspace::target().join("wasm32-unknown-unknown/engine/model_wasm.wasm");
    let mut glue = cargo("run --locked --manifest-path xtask/glue/Cargo.toml --");
    glue.args([&module, &folder])
        .env("CARGO_TARGET_DIR", glue_target());
    quietly("glue", &mut glue)?;
    Ok(folder)
}

/// Builds the module as [`by_library`] does, but with the names of its functions and without
/// glue or wasm-opt; gives its path.
pub(crate) fn build_with_names() -> Result<PathBuf> {
    system::prepare()?;
    let target = workspace::target().join("named");
    let build = "build --package model-wasm --lib --profile engine --locked \
                 --target wasm32-unknown-unknown --config profile.engine.strip=false --config";
    // Setting the flags replaces those of .cargo/config.toml, which the engine has as well.
    let flags = "-Ctarget-feature=+simd128 -Csymbol-mangling-version=v0";
    let mut named = cargo(build);
    named
        .arg(rustflags()?)
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", flags);
    quietly("named-engine", &mut named)?;
    Ok(target.join("wasm32-unknown-unknown/engine/model_wasm.wasm"))
}

/// Where `xtask/glue` is compiled.
pub(crate) fn glue_target() -> PathBuf {
    workspace::target().join("glue")
}

/// The section of the engine that carries the types of its JavaScript.
const TYPES_SECTION: &str = "underwrite.types";
/// Those types as programs use them.
const TYPES: &str = concat!(
    include_str!("../../model-wasm/src/model.d.ts"),
    include_str!("../../host-server/src/init.d.ts")
);

/// Writes `engine.wasm` from the `model_bg.wasm` beside it.
fn optimize(folder: &Path) -> Result<()> {
    let (module, silent) = (folder.join("model_bg.wasm"), folder.join("silent.wasm"));
    let bytes = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let bytes = silence(&bytes).with_context(|| module.display().to_string())?;
    fs::write(&silent, bytes).with_context(|| format!("cannot write {}", silent.display()))?;
    let mut wasm_opt = command(BINARYEN.program("wasm-opt"));
    wasm_opt
        // Made fast, then what that left smaller: -Oz alone would not copy short functions into
        // their callers, which no runtime makes good. No sum of an address and an offset wraps
        // around into the first KiB of memory, the end of the stack, so loads and stores add for
        // themselves. At last, what is used most gets the numbers that take one byte, and a
        // constant that is used often stands once in a function. Compilers see the same.
        .args([
            "-O3",
            "-Oz",
            "--low-memory-unused",
            "--const-hoisting",
            "--reorder-locals",
            "--reorder-functions",
        ])
        .args(FEATURES)
        .arg(silent)
        .arg("--output")
        .arg(folder.join("engine.wasm"));
    quietly("wasm-opt", &mut wasm_opt)?;
    add_types(&folder.join("engine.wasm"))
}

/// Appends the types, so that every model that is packed into the engine carries them.
fn add_types(engine: &Path) -> Result<()> {
    let mut section = Vec::new();
    wasm::push_block(&mut section, TYPES_SECTION.as_bytes());
    section.extend(TYPES.bytes());
    let mut bytes =
        fs::read(engine).with_context(|| format!("cannot read {}", engine.display()))?;
    wasm::push_section(&mut bytes, wasm::CUSTOM, &section);
    fs::write(engine, bytes).with_context(|| format!("cannot write {}", engine.display()))
}

/// Copies the files to `target/engine`.
fn deliver(folder: &Path) -> Result<()> {
    for name in FILES {
        copy_if_different(&folder.join(name), &workspace::engine().join(name))?;
    }
    let length = fs::metadata(folder.join("engine.wasm"))?.len();
    println!("      engine.wasm: {length} bytes");
    Ok(())
}

/// Arguments of rustc. Panic messages carry source paths; without the first ones the engine's
/// bytes would depend on where it was built. The last one keeps the names of functions, which
/// [`silence`] looks for, when `strip = true` leaves everything else away.
fn rustflags() -> Result<String> {
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
        "target.wasm32-unknown-unknown.rustflags=[{},\"-Clink-arg=--keep-section=name\"]",
        flags.join(",")
    ))
}
