//! Compiled modules: `serve` has a process of its own compile, and keeps the code.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Stdio;

use common::{Folder, points_model};

/// Starts the server, ends it when it serves, and gives its log.
fn serve(folder: &Folder, cache: &str) -> String {
    let mut command = folder.command();
    command.args(["serve", "--model", "model.wasm", "--port", "0"]);
    let mut serving = command
        .args(["--cache-dir", cache])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(serving.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    serving.kill().unwrap();
    serving.wait().unwrap();
    let mut log = String::new();
    serving.stderr.unwrap().read_to_string(&mut log).unwrap();
    assert!(line.starts_with("Serving on http://"), "{line}{log}");
    log
}

/// The one file of machine code below a cache.
fn code(folder: &Folder, cache: &str) -> PathBuf {
    let only = |path: PathBuf| {
        let mut found: Vec<PathBuf> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir() || path.extension().is_none())
            .collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    };
    let module = only(folder.path(cache));
    assert!(module.join("sha256sums").exists());
    only(only(module.join("code/modules")))
}

#[test]
fn what_a_process_compiled_another_takes() {
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let output = folder.pipe("compile-module --cache-dir modules", points_model());
    assert!(output.status.success(), "{output:?}");
    let compiled = code(&folder, "modules");
    let before = fs::metadata(&compiled).unwrap().ino();
    serve(&folder, "modules");
    assert_eq!(code(&folder, "modules"), compiled);
    let after = fs::metadata(&compiled).unwrap().ino();
    assert_eq!(before, after, "it was compiled again");
}

/// The nice value of a process.
#[cfg(target_os = "linux")]
fn nice(process: u32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Field 19; the second, the program's name, may have spaces.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().nth(16).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn in_the_background_it_runs_last() {
    let folder = Folder::new(&[]);
    let mut command = folder.command();
    command.args(["compile-module", "--cache-dir", "modules"]);
    let mut compiling = command
        .arg("--background")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It waits for its input: there is time to look.
    let started = std::time::Instant::now();
    while nice(compiling.id()) < 19 && started.elapsed().as_secs() < 30 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(nice(compiling.id()), 19);
    drop(compiling.stdin.take());
    compiling.wait().unwrap();
}

#[test]
fn the_first_start_fills_the_folder() {
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let log = serve(&folder, "modules");
    assert!(!log.contains("WARN"), "{log}");
    code(&folder, "modules");
}

#[test]
fn no_module_is_refused_by_the_process_that_compiles() {
    let folder = Folder::new(&[]);
    let output = folder.pipe("compile-module --cache-dir modules", b"no module");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
