//! Tells the program where the engine is that it carries: `UNDERWRITE_ENGINE_WASM`,
//! `UNDERWRITE_MODEL_JS` and `UNDERWRITE_MODEL_DTS` are absolute paths for `include_bytes!`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::exit;

/// The variable that the program reads, and the file it names.
const FILES: [(&str, &str); 3] = [
    ("UNDERWRITE_ENGINE_WASM", "engine.wasm"),
    ("UNDERWRITE_MODEL_JS", "model.js"),
    ("UNDERWRITE_MODEL_DTS", "model.d.ts"),
];

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "cargo reads this program's output"
)]
fn main() {
    println!("cargo::rerun-if-env-changed=UNDERWRITE_ENGINE_DIR");
    for (variable, name) in FILES {
        let path = engine_folder().join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        if !path.is_file() {
            eprintln!("{name} is not built: run cargo xtask build");
            exit(1);
        }
        println!("cargo::rustc-env={variable}={}", path.display());
    }
}

fn engine_folder() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let given = env::var_os("UNDERWRITE_ENGINE_DIR").unwrap_or_else(|| "../target/engine".into());
    Path::new(&here).join(given)
}
