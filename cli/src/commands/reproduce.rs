//! `underwrite reproduce`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use model_core::artifact::Artifact;
use model_train::pack::pack;
use model_train::pipeline::{self, Recorded, SearchRecord, Source, differing_parts};
use model_train::unpack::{Unpacked, unpack};

use crate::{files, progress, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite reproduce model.wasm --data loans.csv
  underwrite reproduce model.wasm --data loans.csv --test-rows test.csv

Exit code 0: every byte is the same; 1: some differ; 2: it cannot be trained again.";

/// The file is not what its training gives; the command has said so.
#[derive(Debug, thiserror::Error)]
#[error("the file is not what its training gives")]
pub(crate) struct Differs;

/// Train a model again from what its file says, and compare every byte.
///
/// Hyperparameters that a search found are fitted as recorded; the search is not repeated. The
/// policy is taken from the file.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model to reproduce.
    #[arg(value_name = "MODEL.WASM")]
    model: PathBuf,
    /// The data that it was trained on, CSV or Parquet.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The file that named the rows to measure on, where it was trained with one.
    #[arg(long, value_name = "FILE")]
    test_rows: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let name = self.model.display().to_string();
        let wasm = files::read(&self.model)?;
        let original = files::open_model(&self.model, &wasm)?.artifact();
        let original = Artifact::decode(original).with_context(|| name.clone())?;
        let cannot = || format!("{name} cannot be reproduced");
        let recorded = Recorded::read(&original).with_context(cannot)?;
        let (model, search) = (recorded.model(), recorded.search());
        let start = Instant::now();
        let again = train(recorded, &self.data, self.test_rows.as_deref()).with_context(cannot)?;
        // The engine is the file's own: it was built, not trained.
        let Unpacked { engine, glue } = unpack(&wasm).with_context(|| name.clone())?;
        let packed = pack(&engine, &glue, &again)?;
        let mut out = terminal::stdout();
        let seconds = start.elapsed().as_secs_f64();
        let data = self.data.display();
        writeln!(out, "trained  {model} on {data} in {seconds:.1} s")?;
        if let Some(search) = search {
            writeln!(out, "search   {}", not_repeated(&search))?;
        }
        let differing = differing_bytes(&wasm, &packed);
        if differing == 0 {
            writeln!(out, "0 of {} bytes differ", wasm.len())?;
            return Ok(());
        }
        let parts = differing_parts(&original, &Artifact::decode(&again)?);
        let parts = match parts.is_empty() {
            true => "the way it is packed".to_owned(),
            false => parts.join(", "),
        };
        writeln!(
            out,
            "{differing} of {} bytes differ, in: {parts}",
            wasm.len()
        )?;
        Err(Differs.into())
    }
}

/// The artifact that the training gives now.
fn train(recorded: Recorded, data: &Path, test_rows: Option<&Path>) -> Result<Vec<u8>> {
    let data = files::Source::open_for(data, &[recorded.schema()])?;
    let test_rows = test_rows.map(files::Source::open).transpose()?;
    let bar = progress::bytes(data.len, "Reading");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let job = recorded.job(
        Source::new(data.name, data.bytes),
        test_rows.map(|rows| Source::new(rows.name, rows.bytes)),
        cores,
        |read| bar.set_position(read),
    );
    bar.finish_and_clear();
    let job = job?;
    let spinner = progress::spinner("Training");
    let trained = pipeline::run(&job, &mut ());
    spinner.finish_and_clear();
    Ok(trained?.artifact)
}

fn not_repeated(search: &SearchRecord) -> String {
    let trials = search.trials.unwrap_or_default();
    let limit = search.limited_by.as_deref().map(|limit| {
        let flag = limit.replace('_', "-");
        format!(", and with --{flag} would depend on the machine")
    });
    format!(
        "{trials} trials, not repeated: the hyperparameters are those on record{}",
        limit.unwrap_or_default()
    )
}

/// Bytes at the same place that are not the same, and those that only one of the files has.
fn differing_bytes(one: &[u8], other: &[u8]) -> usize {
    let pairs = one.iter().zip(other);
    pairs.filter(|(one, other)| one != other).count() + one.len().abs_diff(other.len())
}
