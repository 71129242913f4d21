//! `underwrite log replay`

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use host_server::{Limits, ModelHost};
use model_log::replay::replay;
use model_log::{Digest, Kind, Reader};

use super::{Folder, Problems};
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  underwrite log replay decisions
  underwrite log replay decisions --from 100000 --to 200000

Exit code: 0 if no answer differs, 1 if one does, 2 if the log cannot be read.";

/// Make every decision again with the very file that made it, and compare the bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    log: Folder,
    /// First record.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
    /// The record after the last one [default: all].
    #[arg(long, value_name = "INDEX")]
    to: Option<u64>,
}

/// A model of the log, loaded once, or why it cannot be.
type Loaded = Result<Arc<ModelHost>, String>;

/// The models of a log, loaded when they are first asked.
struct Models<'a> {
    reader: &'a Reader,
    limits: Limits,
    loaded: Mutex<BTreeMap<Digest, Loaded>>,
}

impl Models<'_> {
    fn get(&self, digest: Digest) -> Loaded {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let load = || {
            let wasm = self
                .reader
                .model(digest)
                .map_err(|error| error.to_string())?;
            let host = ModelHost::load(wasm, self.limits.clone());
            host.map(Arc::new)
                .map_err(|error| format!("{:#}", anyhow::Error::from(error)))
        };
        loaded.entry(digest).or_insert_with(load).clone()
    }

    fn ask(&self, digest: Digest, kind: Kind, request: &[u8]) -> Result<(u16, Vec<u8>), String> {
        let model = self.get(digest)?;
        let answer = match kind {
            Kind::Explanation => model.explain(request),
            _ => model.decide(request),
        };
        match answer {
            Ok(answer) => Ok((answer.status, answer.body)),
            Err(error) => Err(format!("the module failed: {error}")),
        }
    }
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let reader = self.log.open()?;
        // Compiled by a process with limits, as `serve` does: a file may mean harm.
        let modules = tempfile::tempdir().context("cannot create a temporary folder")?;
        let models = Models {
            reader: &reader,
            limits: Limits {
                cache: Some(modules.path().to_owned()),
                compiler: std::env::current_exe().ok(),
                ..Limits::default()
            },
            loaded: Mutex::default(),
        };
        let ask = |digest: Digest, kind: Kind, request: &[u8]| models.ask(digest, kind, request);
        let done = replay(&reader, self.from, self.to.unwrap_or(u64::MAX), &ask)?;
        let mut out = terminal::stdout();
        for difference in &done.differences {
            let (index, model) = (difference.index, difference.model);
            writeln!(
                out,
                "record {index}, model sha256-{model}: {}",
                difference.cause
            )?;
        }
        if done.erased > 0 {
            writeln!(out, "{} answers were erased", done.erased)?;
        }
        writeln!(out, "{} of {} answers differ", done.differ, done.answers)?;
        if done.differ == 0 {
            Ok(())
        } else {
            Err(Problems.into())
        }
    }
}
