//! `underwrite schema`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Subcommand;
use model_train::infer::{DraftOptions, infer};

use crate::{files, progress};

const EXAMPLES: &str = "\
Examples:
  underwrite schema infer applicants.csv > applicants.toml
  underwrite schema infer applicants.csv --target approved --out applicants.toml
  underwrite schema infer applicants.csv --target outcome --positive no";

/// Work with schemas.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Infer(Infer),
}

/// Draft a schema from a CSV file: types, categories and ranges as the file shows them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct Infer {
    /// CSV file with a header, or a Parquet file; `-` is standard input.
    #[arg(value_name = "DATA.CSV")]
    data: PathBuf,
    /// Column to learn [default: the last].
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Target value to approve: yes, no or a category [default: as the names say].
    #[arg(long, value_name = "VALUE")]
    positive: Option<String>,
    /// Output file [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let Command::Infer(args) = self.command;
        args.run()
    }
}

impl Infer {
    fn run(self) -> Result<()> {
        files::keep_apart(
            &[("the data", Some(&self.data))],
            &[("--out", self.out.as_deref())],
        )?;
        let source = files::Source::open(&self.data)?;
        let bar = progress::bytes(source.len, "Reading");
        let model = self.data.file_stem().unwrap_or_default().to_string_lossy();
        let options = DraftOptions {
            model: &model,
            target: self.target.as_deref(),
            positive: self.positive.as_deref(),
        };
        let toml = infer(source.bytes, &source.name, options, |read| {
            bar.set_position(read);
        })?;
        bar.finish_and_clear();
        match self.out.as_deref() {
            Some(path) if path != Path::new("-") => files::write(path, toml.as_bytes()),
            _ => Ok(anstream::stdout().lock().write_all(toml.as_bytes())?),
        }
    }
}
