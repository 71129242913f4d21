//! Tells the program where the engine is that it carries: `UNDERWRITE_ENGINE_WASM` and
//! `UNDERWRITE_MODEL_JS` are absolute paths for `include_bytes!`.
//!
//! `cargo xtask build` makes both files. Where they are missing, a debug profile gets empty ones
//! and a warning, so that `cargo check` and rust-analyzer work on a fresh clone; a release
//! profile fails.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The variable that the program reads, and the file it names.
const FILES: [(&str, &str); 2] = [
    ("UNDERWRITE_ENGINE_WASM", "engine.wasm"),
    ("UNDERWRITE_MODEL_JS", "model.js"),
];

#[allow(clippy::print_stdout, reason = "cargo reads this program's output")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=UNDERWRITE_ENGINE_DIR");
    let folder = engine_folder();
    let Some((_, name)) = FILES.iter().find(|(_, name)| !folder.join(name).is_file()) else {
        for (_, name) in FILES {
            println!("cargo::rerun-if-changed={}", folder.join(name).display());
        }
        include(&folder);
        return Ok(());
    };
    let missing = format!("{} is missing", folder.join(name).display());
    if variable("PROFILE")? != "debug" {
        println!("cargo::error={missing}: run `cargo xtask build`");
        return Ok(());
    }
    println!(
        "cargo::warning={missing}: this build cannot write models; run `cargo xtask build` first"
    );
    // Cargo watches the folder for the engine. It has to exist: for a missing path cargo would
    // run this program, and compile what depends on it, every time.
    fs::create_dir_all(&folder)?;
    println!("cargo::rerun-if-changed={}", folder.display());
    include(&stub()?);
    Ok(())
}

/// Has the program include the files of this folder.
#[allow(clippy::print_stdout, reason = "cargo reads this program's output")]
fn include(folder: &Path) {
    for (variable, name) in FILES {
        println!(
            "cargo::rustc-env={variable}={}",
            folder.join(name).display()
        );
    }
}

/// `$UNDERWRITE_ENGINE_DIR`, else `target/engine`.
fn engine_folder() -> PathBuf {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let workspace = package.parent().unwrap_or(&package);
    match env::var_os("UNDERWRITE_ENGINE_DIR") {
        Some(given) => package.join(given),
        None => workspace.join("target/engine"),
    }
}

/// A folder of empty files; `engine::carried` tells them from an engine.
fn stub() -> Result<PathBuf, Box<dyn Error>> {
    let folder = Path::new(&variable("OUT_DIR")?).join("stub");
    fs::create_dir_all(&folder)?;
    for (_, name) in FILES {
        fs::write(folder.join(name), [])?;
    }
    Ok(folder)
}

fn variable(name: &str) -> Result<String, Box<dyn Error>> {
    env::var(name).map_err(|error| format!("cargo sets {name}: {error}").into())
}
