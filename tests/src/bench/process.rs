//! Whole programs and files.

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

/// A program that ended well.
#[derive(Debug, Clone, Copy)]
pub struct Finished {
    /// From start to end.
    pub seconds: f64,
    /// The most memory it held, in bytes, where the system tells (Linux).
    pub peak_bytes: Option<u64>,
}

/// Runs a program to its end.
///
/// # Errors
/// When it cannot be started or does not end well.
pub fn run_to_end(command: &mut Command) -> Result<Finished> {
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("{:?} cannot be started", command.get_program()))?;
    let mut peak_bytes = None;
    let status = loop {
        peak_bytes = self::peak_bytes(&child.id().to_string()).or(peak_bytes);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    ensure!(
        status.success(),
        "{:?} ended with {status}",
        command.get_program()
    );
    Ok(Finished {
        seconds: start.elapsed().as_secs_f64(),
        peak_bytes,
    })
}

/// The most memory that a process has held so far, in bytes, where the system tells (Linux);
/// `process` is its id, or `self`.
#[must_use]
pub fn peak_bytes(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// How long `bytes` are when they are gzipped as hard as possible.
#[must_use]
pub fn gzipped(bytes: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_or(bytes.len(), |gzip| gzip.len())
}
