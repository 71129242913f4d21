//! The other side of a client in tests: services, and programs.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod service;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use model_client::RetryPolicy;

/// Impatient, so that tests of failures end soon.
pub(crate) fn impatient() -> RetryPolicy {
    RetryPolicy {
        idle: Duration::from_secs(10),
        total: Duration::from_secs(120),
        attempts: 3,
        backoff: Duration::from_millis(10),
    }
}

/// A folder of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A program of the Python environment that `cargo xtask test` made for these tests.
pub(crate) fn python_program(variable: &str, name: &str) -> PathBuf {
    let bin = std::env::var_os(variable);
    let bin = bin.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`"));
    PathBuf::from(bin).join(name)
}

/// Runs a program and shows what it said if it fails; answers its standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{command:?} ({}):\n{out}\n{err}",
        output.status
    );
    out
}

/// A program that ends with the test, and everything that it started.
pub(crate) struct Server(std::process::Child);

impl Server {
    pub(crate) fn start(command: &mut Command) -> Self {
        use std::os::unix::process::CommandExt;
        Self(command.process_group(0).spawn().unwrap())
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// A port that nothing listens on.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
