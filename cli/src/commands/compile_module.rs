//! `underwrite compile-module`: compiles a module for `serve`, in a process of its own.

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use host_server::{Limits, LoadErrorKind, NOT_KEPT, compile, lower_priority};

use crate::terminal;

/// Compile the model file on standard input for `serve`
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct Args {
    /// Cache folder for compiled modules
    #[arg(long, value_name = "FOLDER")]
    cache_dir: PathBuf,
    /// Memory limit of one module instance, in bytes
    #[arg(long, value_name = "BYTES")]
    module_memory: Option<usize>,
    /// Let everything else on the machine run first
    #[arg(long)]
    background: bool,
}

/// What compiling may take: processor time in seconds, and memory in bytes. A model's module
/// takes a second or two and under 200 MB, whatever its trees; a hostile one of a few hundred
/// kilobytes can take gigabytes.
const MOST_SECONDS: u64 = 60;
const MOST_MEMORY: u64 = 1 << 30;

/// The last that a system runs.
const NICE: i32 = 19;

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        if self.background {
            lower_priority(NICE);
        }
        limit_this_process()?;
        let mut wasm = Vec::new();
        std::io::stdin()
            .read_to_end(&mut wasm)
            .context("cannot read standard input")?;
        let usual = Limits::serving();
        let limits = Limits {
            cache: Some(self.cache_dir),
            memory_bytes: self.module_memory.unwrap_or(usual.memory_bytes),
            ..usual
        };
        match compile(&wasm, &limits) {
            Err(error) if matches!(error.kind(), LoadErrorKind::Engine(_)) => {
                writeln!(terminal::stderr(), "error: {error}")?;
                std::process::exit(NOT_KEPT)
            }
            compiled => Ok(compiled?),
        }
    }
}

/// The system ends this process when it takes more.
#[cfg(unix)]
fn limit_this_process() -> Result<()> {
    use rlimit::Resource;
    // Of the memory that it may write to: wasmtime reserves far more addresses than it uses.
    for (resource, most) in [(Resource::CPU, MOST_SECONDS), (Resource::DATA, MOST_MEMORY)] {
        let (soft, hard) = resource.get().context("cannot read the process's limits")?;
        resource
            .set(soft.min(most), hard)
            .context("cannot limit this process")?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn limit_this_process() -> Result<()> {
    Ok(())
}
