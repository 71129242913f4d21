//! `underwrite export`: a model in the form that other programs take.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use host_server::{MODEL_TYPES, beside_model};
use model_core::model_file::{GLUE_SECTION, TYPES_SECTION};
use model_files::write_whole;

use crate::files;

const EXAMPLES: &str = "\
Examples:
  underwrite export js model.wasm --out web/model

Then, in JavaScript:
  import init, { Model } from './model/model.js';
  await init();
  const decision = new Model().predict({ person_income: 65000 });";

/// Write a model in the form that other programs take.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    to: To,
}

#[derive(Debug, clap::Subcommand)]
enum To {
    Js(Js),
}

/// Write model.js, model.d.ts and model.wasm into a folder: an ES module for pages, workers,
/// bundlers and Node.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct Js {
    /// The model.wasm to export.
    #[arg(value_name = "MODEL.WASM")]
    model: PathBuf,
    /// Folder for the files; created if needed.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

/// Tells Node that `model.js` is an ES module, and npm what is in the folder.
const PACKAGE: &str = r#"{
  "name": "model",
  "private": true,
  "type": "module",
  "main": "model.js",
  "types": "model.d.ts"
}
"#;

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        match self.to {
            To::Js(js) => js.run(),
        }
    }
}

impl Js {
    fn run(&self) -> Result<()> {
        let wasm = files::read(&self.model)?;
        let file = files::open_model(&self.model, &wasm)?;
        let name = self.model.display();
        let glue = file.custom_section(GLUE_SECTION).with_context(|| {
            format!("{name}: the file carries no JavaScript: train or pack it again")
        })?;
        let glue = std::str::from_utf8(glue)
            .with_context(|| format!("{name}: the file's JavaScript is not UTF-8"))?;
        let types = file.custom_section(TYPES_SECTION);
        let types = types.unwrap_or(MODEL_TYPES.as_bytes());
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        let glue = beside_model(glue);
        for (name, bytes) in [
            ("model.wasm", &wasm[..]),
            ("model.js", glue.as_bytes()),
            ("model.d.ts", types),
            ("package.json", PACKAGE.as_bytes()),
        ] {
            write(&self.out.join(name), bytes)?;
        }
        writeln!(
            anstream::stdout().lock(),
            "{}: model.js, model.d.ts, model.wasm, package.json",
            self.out.display()
        )?;
        Ok(())
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_whole(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
