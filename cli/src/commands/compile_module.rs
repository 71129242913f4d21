//! `underwrite compile-module`: compiles a module for `serve`, in a process of its own.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result};
use host_server::{Limits, compile};

/// Compile the model file on standard input for `serve`
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct Args {
    /// Cache folder for compiled modules
    #[arg(long, value_name = "FOLDER")]
    cache_dir: PathBuf,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let mut wasm = Vec::new();
        std::io::stdin()
            .read_to_end(&mut wasm)
            .context("cannot read standard input")?;
        let limits = Limits {
            cache: Some(self.cache_dir),
            ..Limits::serving()
        };
        Ok(compile(&wasm, &limits)?)
    }
}
