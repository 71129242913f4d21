//! The program `underwrite serve`, started and looked at from outside.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::client::{ask, post};

/// The memory that the program may have, in KiB: as in `deploy/kubernetes`.
const DATA_LIMIT: u64 = 512 << 10;

/// A server; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
}

/// What a process holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Resident memory now, in bytes.
    pub memory: u64,
    /// The part of it that is no copy of a file, in bytes: heap and stacks, which the system
    /// cannot take back.
    pub own: u64,
    /// The most that it was, in bytes.
    pub peak: u64,
    /// Threads.
    pub threads: u64,
    /// Open descriptors.
    pub descriptors: usize,
}

impl Server {
    /// Serves `UNDERWRITE_TEST_MODEL` with the program `UNDERWRITE_BIN` and these flags more, on
    /// a port of the system's choice, under a limit of 512 MiB for its data.
    ///
    /// # Errors
    /// When a variable is not set, or the server does not start.
    pub fn start(flags: &[&str]) -> Result<Self> {
        let model = environment("UNDERWRITE_TEST_MODEL")?;
        Self::serve(&[&["--model", &model], flags].concat(), &[])
    }

    /// The same with flags that name the models, and with variables.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn serve(flags: &[&str], variables: &[(&str, &str)]) -> Result<Self> {
        let mut child = Command::new("sh")
            .args(["-c", &format!("ulimit -d {DATA_LIMIT}; exec \"$0\" \"$@\"")])
            .arg(environment("UNDERWRITE_BIN")?)
            .args(["serve", "--port", "0"])
            .args(flags)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the server")?;
        let mut line = String::new();
        let out = child.stdout.take().context("no standard output")?;
        BufReader::new(out).read_line(&mut line)?;
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let Some(address) = address.map(str::to_owned) else {
            let _ = child.kill();
            bail!("the server did not start: {line:?}");
        };
        Ok(Self { child, address })
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// An application that the model answers, out of the service's own description.
    ///
    /// # Errors
    /// When the description has none, or the model refuses it.
    pub fn application(&self) -> Result<Vec<u8>> {
        let head = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let openapi: serde_json::Value = serde_json::from_slice(&ask(&self.address, head)?.body)?;
        let schemas = openapi
            .pointer("/components/schemas")
            .and_then(serde_json::Value::as_object)
            .context("no schemas")?;
        // The first example that is an object is the application's.
        let example = schemas
            .values()
            .find_map(|schema| schema.pointer("/examples/0").filter(|one| one.is_object()))
            .context("no example")?
            .to_string()
            .into_bytes();
        let status = post(&self.address, "/predict", &[], &example)?.status;
        ensure!(status == 200, "the example of the schema got {status}");
        Ok(example)
    }

    /// What it holds now.
    ///
    /// # Errors
    /// When it has ended.
    pub fn usage(&self) -> Result<Usage> {
        let folder = Path::new("/proc").join(self.child.id().to_string());
        let status = std::fs::read_to_string(folder.join("status")).context("it has ended")?;
        let number = |name: &str| -> Option<u64> {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        Ok(Usage {
            memory: number("VmRSS:").context("it has ended")? << 10,
            own: number("RssAnon:").context("it has ended")? << 10,
            peak: number("VmHWM:").context("it has ended")? << 10,
            threads: number("Threads:").unwrap_or(0),
            descriptors: std::fs::read_dir(folder.join("fd"))?.count(),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn environment(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: use `cargo xtask`"))
}
