//! `underwrite import`: a model that another library trained, with proof.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};
use clap::{Subcommand, ValueEnum};
use model_files::sha256_hex;
use model_import::source::Library;
use model_import::{Imported, Job, Link, Options, TreeRange};
use model_train::pack::pack;

use crate::counted::counted;
use crate::{engine, files, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite schema infer rows.csv --model model.txt --positive yes --out schema.toml
  underwrite import lightgbm model.txt --schema schema.toml --check rows.csv --out model.wasm
  underwrite import xgboost model.ubj --schema schema.toml --check rows.csv --expected p \\
        --out model.wasm
  underwrite import sklearn model.json --schema schema.toml --check rows.csv --out model.wasm

The check rows are a CSV of applications with the probability that the library gave for each.
The model is written only where it gives the same for every row.

Exit codes: 0, 2 for an error; after an error nothing was written.";

/// Import a model that LightGBM, XGBoost or scikit-learn trained, and prove it on check rows.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    library: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Lightgbm(Lightgbm),
    Xgboost(Xgboost),
    Sklearn(Sklearn),
}

/// Import LightGBM's model.txt, format 3 or 4.
#[derive(Debug, clap::Args)]
struct Lightgbm {
    /// The file that Booster.save_model wrote.
    #[arg(value_name = "MODEL.TXT")]
    file: PathBuf,
    /// What makes the sum of a custom objective a probability.
    #[arg(long, value_name = "LINK")]
    link: Option<LinkName>,
    #[command(flatten)]
    common: Common,
}

/// Import XGBoost's JSON or UBJSON.
#[derive(Debug, clap::Args)]
struct Xgboost {
    /// The file that save_model wrote, .json or .ubj.
    #[arg(value_name = "MODEL.UBJ")]
    file: PathBuf,
    /// What makes the sum of a custom objective a probability.
    #[arg(long, value_name = "LINK")]
    link: Option<LinkName>,
    /// Number that meant missing in training, beside NaN.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    missing: Option<f64>,
    /// Trees that decide where training stopped early.
    #[arg(long, value_name = "WHICH", default_value = "best")]
    trees: TreesName,
    #[command(flatten)]
    common: Common,
}

/// Import the JSON of underwrite.export.sklearn.
#[derive(Debug, clap::Args)]
struct Sklearn {
    /// The file that underwrite.export.sklearn wrote.
    #[arg(value_name = "MODEL.JSON")]
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Schema of the applications, in TOML.
    #[arg(long, value_name = "SCHEMA.TOML")]
    schema: PathBuf,
    /// Applications with the library's probabilities: CSV or Parquet file.
    #[arg(long, value_name = "ROWS.CSV")]
    check: PathBuf,
    /// Column of the check rows with the library's probabilities.
    #[arg(long, value_name = "COLUMN", default_value = "expected")]
    expected: String,
    /// Decision threshold, 0 to 1.
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.5)]
    threshold: f64,
    /// Output file.
    #[arg(long, value_name = "MODEL.WASM")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LinkName {
    /// The sum is log odds.
    Logistic,
    /// The sum is the probability.
    Identity,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TreesName {
    /// Up to the best iteration, as XGBClassifier predicts.
    Best,
    /// All trees, as Booster.predict does.
    All,
}

impl From<LinkName> for Link {
    fn from(name: LinkName) -> Self {
        match name {
            LinkName::Logistic => Self::Logistic,
            LinkName::Identity => Self::Identity,
        }
    }
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let link = |name: Option<LinkName>| name.map(Link::from);
        let (library, file, options, common) = match self.library {
            Command::Lightgbm(args) => {
                let options = Options {
                    link: link(args.link),
                    ..Options::default()
                };
                (Library::LightGbm, args.file, options, args.common)
            }
            Command::Xgboost(args) => {
                let options = Options {
                    link: link(args.link),
                    missing: args.missing,
                    trees: match args.trees {
                        TreesName::Best => TreeRange::Best,
                        TreesName::All => TreeRange::All,
                    },
                };
                (Library::XgBoost, args.file, options, args.common)
            }
            Command::Sklearn(args) => {
                (Library::Sklearn, args.file, Options::default(), args.common)
            }
        };
        common.import(library, &file, &options)
    }
}

impl Common {
    fn import(&self, library: Library, file: &std::path::Path, options: &Options) -> Result<()> {
        ensure!(
            (0.0..=1.0).contains(&self.threshold),
            "--threshold: expected a number from 0 to 1, got {}",
            self.threshold
        );
        files::keep_apart(
            &[
                ("the model", Some(file)),
                ("--schema", Some(&self.schema)),
                ("--check", Some(&self.check)),
            ],
            &[("--out", Some(&self.out))],
        )?;
        let engine = engine::carried()?;
        let name = file.display();
        let size = fs::metadata(file).map_or(0, |metadata| metadata.len());
        model_import::check_size(size).with_context(|| name.to_string())?;
        let bytes = files::read(file)?;
        let source =
            model_import::read(library, &bytes, options).with_context(|| name.to_string())?;
        let schema = files::read_schema_file(&self.schema)?;
        let rows = files::Source::open_for(&self.check, &[&schema.schema])?;
        let job = Job {
            source: &source,
            source_sha256: sha256_hex(&bytes),
            schema: &schema,
            rows_name: &rows.name,
            expected: &self.expected,
            threshold: self.threshold,
            engine_sha256: engine.sha256(),
            underwrite_version: env!("CARGO_PKG_VERSION").to_owned(),
            jobs: available_parallelism().map_or(1, std::num::NonZero::get),
        };
        let imported = model_import::import(&job, rows.bytes).with_context(|| name.to_string())?;
        let wasm = pack(engine.wasm, engine.glue, &imported.artifact)?;
        files::write(&self.out, &wasm)?;
        self.report(&source, &imported, wasm.len())
    }

    fn report(
        &self,
        source: &model_import::source::Source,
        imported: &Imported,
        bytes: usize,
    ) -> Result<()> {
        let mut out = terminal::stdout();
        let (name, version) = (source.library.name(), &source.version);
        writeln!(out, "imported  {}, {name} {version}", source.kind.word())?;
        writeln!(out, "approves  {}", imported.approves)?;
        let proof = &imported.proof;
        writeln!(
            out,
            "proved    on {}: largest difference {:e} (allowed: {})",
            counted(proof.rows, "row"),
            proof.largest_difference,
            proof.allowed
        )?;
        for note in &imported.notes {
            writeln!(out, "note      {note}")?;
        }
        writeln!(out, "written   {}, {bytes} bytes", self.out.display())?;
        Ok(())
    }
}
