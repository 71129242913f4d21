//! `underwrite schema`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use model_core::schema::Schema;
use model_train::infer::{DraftOptions, GivenModel, infer};

use crate::counted::counted;
use crate::{files, progress, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite schema infer applicants.csv > applicants.toml
  underwrite schema infer applicants.csv --target approved --out applicants.toml
  underwrite schema infer applicants.csv --target outcome --positive no
  underwrite schema infer rows.csv --model model.txt --positive yes --out schema.toml
  underwrite schema check applicants.toml --strict";

const CHECK_EXAMPLES: &str = "\
Examples:
  underwrite schema check applicants.toml
  underwrite schema check applicants.toml --strict

Exit codes: 0, 2 for an error.";

/// Work with schemas.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(Check),
    Infer(Infer),
}

/// Check a schema without any data, and show what it lacks.
#[derive(Debug, clap::Args)]
#[command(after_help = CHECK_EXAMPLES)]
struct Check {
    /// The schema in TOML.
    #[arg(value_name = "SCHEMA.TOML")]
    schema: PathBuf,
    /// Fail where a text lacks one of the schema's languages.
    #[arg(long)]
    strict: bool,
}

/// Draft a schema from a CSV file: types, categories and ranges as the file shows them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct Infer {
    /// CSV file with a header, or Parquet file; `-` reads CSV from standard input.
    #[arg(value_name = "DATA.CSV")]
    data: PathBuf,
    /// Column to learn [default: the last].
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Target value to approve: yes, no or a category [default: as the names say].
    #[arg(long, value_name = "VALUE")]
    positive: Option<String>,
    /// Model whose columns are the inputs: LightGBM, XGBoost, or underwrite.export.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Output file [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Check(args) => args.run(),
            Command::Infer(args) => args.run(),
        }
    }
}

/// What the file of a model from elsewhere says of it.
fn given_model(path: &Path) -> Result<GivenModel> {
    let name = || path.display().to_string();
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    model_import::check_size(size).with_context(name)?;
    model_import::given(&files::read(path)?).with_context(name)
}

impl Check {
    fn run(self) -> Result<()> {
        let file = files::read_schema_file(&self.schema)?;
        let mut out = terminal::stdout();
        files::report_warnings(&mut out, &self.schema, &file.warnings, self.strict)?;
        let inputs = counted(file.schema.inputs().count(), "input");
        let Schema { name, version, .. } = file.schema;
        match file.warnings.len() {
            0 => writeln!(out, "{name} {version}, {inputs}: nothing found")?,
            some => writeln!(
                out,
                "{name} {version}, {inputs}: {}",
                counted(some, "warning")
            )?,
        }
        Ok(())
    }
}

impl Infer {
    fn run(self) -> Result<()> {
        files::keep_apart(
            &[
                ("the data", Some(&self.data)),
                ("--model", self.model.as_deref()),
            ],
            &[("--out", self.out.as_deref())],
        )?;
        let given = self.model.as_deref().map(given_model).transpose()?;
        let source = files::Source::open(&self.data)?;
        let bar = progress::bytes(source.len, "Reading");
        let model = self.data.file_stem().unwrap_or_default().to_string_lossy();
        let options = DraftOptions {
            model: &model,
            target: self.target.as_deref(),
            positive: self.positive.as_deref(),
            given: given.as_ref(),
        };
        let toml = infer(source.bytes, &source.name, options, |read| {
            bar.set_position(read);
        })?;
        bar.finish_and_clear();
        match self.out.as_deref() {
            Some(path) if path != Path::new("-") => files::write(path, toml.as_bytes()),
            _ => Ok(terminal::stdout().write_all(toml.as_bytes())?),
        }
    }
}
