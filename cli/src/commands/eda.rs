//! `underwrite eda`: reads arguments, explores by one call of [`model_train::eda`], writes the
//! report.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use model_train::eda::{Eda, Weight, eda_html, explore};

use crate::{files, progress, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite eda loans.csv
  underwrite eda loans.csv --schema loan.toml --out reports/eda.html --json eda.json
  underwrite eda data/german_credit.csv --target creditability";

/// Explore a CSV file before training: types, missing values, distributions, leakage.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// CSV file with a header, or Parquet file; `-` reads CSV from standard input.
    #[arg(value_name = "DATA.CSV")]
    data: PathBuf,
    /// Schema in TOML with types, labels, roles and the target [default: inferred].
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// The target column [default: the schema's, or the last].
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Write the report to this file, as one HTML page.
    #[arg(long, value_name = "FILE.html", default_value = "reports/eda.html")]
    out: PathBuf,
    /// Write the exploration to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        files::keep_apart(
            &[
                ("the data", Some(&self.data)),
                ("--schema", self.schema.as_deref()),
            ],
            &[("--out", Some(&self.out)), ("--json", self.json.as_deref())],
        )?;
        let schema = self.schema.as_deref().map(files::read_schema).transpose()?;
        let source = files::Source::open_for(&self.data, schema.as_ref().as_slice())?;
        let bar = progress::bytes(source.len, "Reading");
        let target = self.target.as_deref();
        let eda = explore(
            source.bytes,
            &source.name,
            schema.as_ref(),
            target,
            |read| {
                bar.set_position(read);
            },
        )?;
        bar.finish_and_clear();
        if let Some(name) = target {
            ensure!(
                eda.columns.iter().any(|column| column.name == name),
                "{}: there is no column '{name}' to use as the target, expected one of {}",
                source.name,
                names(&eda)
            );
        }
        let html = eda_html(&eda)?;
        files::write(&self.out, html.as_bytes())?;
        if let Some(path) = &self.json {
            let mut json = serde_json::to_vec_pretty(&eda)?;
            json.push(b'\n');
            files::write(path, &json)?;
        }
        print(&eda, &self.out)
    }
}

fn names(eda: &Eda) -> String {
    let names = eda
        .columns
        .iter()
        .map(|column| format!("'{}'", column.name));
    names.collect::<Vec<_>>().join(", ")
}

fn print(eda: &Eda, out: &std::path::Path) -> Result<()> {
    let mut stdout = terminal::stdout();
    writeln!(stdout, "{} rows, {} columns", eda.rows, eda.columns.len())?;
    for finding in &eda.findings {
        let word = match finding.weight {
            Weight::Problem => "problem",
            Weight::Warning => "warning",
            Weight::Note => "note",
        };
        writeln!(stdout, "  {word:<8} {}", finding.text)?;
    }
    if out != std::path::Path::new("-") {
        writeln!(stdout, "{}", out.display())?;
    }
    Ok(())
}
