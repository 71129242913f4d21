//! What `cli/build.rs` does on a fresh clone, where no engine has been built.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may end with a panic"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `cli/build.rs`, compiled, and a package folder for it to run in.
struct BuildScript {
    program: PathBuf,
    /// The root of an imagined workspace, whose package is in `cli`.
    workspace: PathBuf,
}

impl BuildScript {
    fn new(name: &str) -> Self {
        let workspace = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&workspace);
        fs::create_dir_all(workspace.join("out")).unwrap();
        let program = workspace.join("build-script");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/build.rs");
        let compiled = Command::new("rustc")
            .args(["--edition", "2024", "-o"])
            .args([&program, &source])
            .status();
        assert!(compiled.unwrap().success());
        Self { program, workspace }
    }

    /// Runs as cargo runs it for a profile that inherits from `profile`.
    fn run(&self, profile: &str) -> (Output, String) {
        let output = Command::new(&self.program)
            .env_remove("UNDERWRITE_ENGINE_DIR")
            .env("CARGO_MANIFEST_DIR", self.workspace.join("cli"))
            .env("OUT_DIR", self.workspace.join("out"))
            .env("PROFILE", profile)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout.clone()).unwrap();
        (output, printed)
    }

    fn write_engine(&self) -> PathBuf {
        let engine = self.workspace.join("target/engine");
        fs::create_dir_all(&engine).unwrap();
        fs::write(engine.join("engine.wasm"), "\0asm").unwrap();
        fs::write(engine.join("model.js"), "export").unwrap();
        engine
    }
}

/// The file that the program includes as its engine.
fn engine_file(printed: &str) -> Option<PathBuf> {
    let mut lines = printed.lines();
    lines.find_map(|line| {
        line.strip_prefix("cargo::rustc-env=UNDERWRITE_ENGINE_WASM=")
            .map(PathBuf::from)
    })
}

#[test]
fn a_debug_profile_gets_a_stub_and_a_warning() {
    let script = BuildScript::new("debug");
    let (output, printed) = script.run("debug");
    assert!(output.status.success(), "{output:?}");
    let stub = engine_file(&printed).expect("the program needs a file to include");
    assert_eq!(fs::read(stub).unwrap(), b"");
    let warned = printed
        .lines()
        .any(|line| line.starts_with("cargo::warning=") && line.contains("`cargo xtask build`"));
    assert!(warned, "{printed}");
    assert!(!printed.contains("cargo::error="), "{printed}");
}

#[test]
fn a_release_profile_gets_no_stub_but_an_error_that_names_the_command() {
    let script = BuildScript::new("release");
    let (_, printed) = script.run("release");
    assert_eq!(engine_file(&printed), None, "{printed}");
    let refused = printed
        .lines()
        .any(|line| line.starts_with("cargo::error=") && line.contains("`cargo xtask build`"));
    assert!(refused, "{printed}");
}

#[test]
fn half_an_engine_is_none() {
    let script = BuildScript::new("half");
    fs::remove_file(script.write_engine().join("model.js")).unwrap();
    let (_, printed) = script.run("release");
    assert!(
        printed.contains("model.js is missing: run `cargo xtask build`"),
        "{printed}"
    );
}

#[test]
fn both_profiles_take_an_engine_that_is_there() {
    let script = BuildScript::new("built");
    let engine = script.write_engine();
    for profile in ["debug", "release"] {
        let (output, printed) = script.run(profile);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(engine_file(&printed), Some(engine.join("engine.wasm")));
        assert!(!printed.contains("cargo::warning="), "{printed}");
        assert!(!printed.contains("cargo::error="), "{printed}");
    }
}

#[test]
fn a_stub_is_replaced_once_the_engine_is_there() {
    let script = BuildScript::new("replaced");
    let (_, printed) = script.run("debug");
    let folder = script.workspace.join("target/engine");
    // Cargo runs the script again when something it watches changes, and each time when it is
    // missing.
    assert!(folder.is_dir());
    assert!(
        printed.contains(&format!("cargo::rerun-if-changed={}\n", folder.display())),
        "{printed}"
    );
    let engine = script.write_engine();
    let (_, printed) = script.run("debug");
    assert_eq!(engine_file(&printed), Some(engine.join("engine.wasm")));
}
