//! `underwrite export`: a model in the form that other programs take.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use host_server::{MODEL_TYPES, beside_model};
use model_core::model_file::{GLUE_SECTION, TYPES_SECTION};

use crate::engine::{self, Origin, Unknown};
use crate::{files, terminal};

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

/// Write model.js, model.d.ts, model.wasm and package.json into a folder: an ES module for pages,
/// workers, bundlers and Node. A package.json that is there already is kept.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct Js {
    /// The model.wasm to export.
    #[arg(value_name = "MODEL.WASM")]
    model: PathBuf,
    /// Folder for the files; created if needed.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Also write the file's JavaScript where it is neither that of this program nor a released
    /// one: whoever imports it runs it, with all of their rights in Node
    #[arg(long)]
    allow_unknown_scripts: bool,
}

const PACKAGE_FILE: &str = "package.json";
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
        let glue = std::str::from_utf8(self.known(&wasm, glue)?)
            .with_context(|| format!("{name}: the file's JavaScript is not UTF-8"))?;
        let types = file.custom_section(TYPES_SECTION);
        let types = types.unwrap_or(MODEL_TYPES.as_bytes());
        files::keep_out_of_logs(&self.out.join(PACKAGE_FILE))?;
        let package = package(&self.out.join(PACKAGE_FILE))?;
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        let glue = beside_model(glue);
        for (name, bytes) in [
            ("model.wasm", &wasm[..]),
            ("model.js", glue.as_bytes()),
            ("model.d.ts", types),
        ] {
            files::write(&self.out.join(name), bytes)?;
        }
        if package == Package::Missing {
            files::write(&self.out.join(PACKAGE_FILE), PACKAGE.as_bytes())?;
        }
        let package = match package {
            Package::Missing => PACKAGE_FILE.to_owned(),
            Package::Kept => format!("{PACKAGE_FILE} (kept as it was)"),
        };
        writeln!(
            terminal::stdout(),
            "{}: model.js, model.d.ts, model.wasm, {package}",
            self.out.display()
        )?;
        Ok(())
    }
}

impl Js {
    /// The JavaScript to write: that of a file that somebody else made may do anything.
    fn known<'a>(&self, wasm: &[u8], glue: &'a [u8]) -> Result<&'a [u8]> {
        let name = self.model.display();
        let unknown = match engine::origin(wasm).with_context(|| name.to_string())? {
            Origin::Ours | Origin::Released(_) => return Ok(glue),
            Origin::Other(_) if self.allow_unknown_scripts => return Ok(glue),
            Origin::Other(unknown) => unknown,
        };
        match unknown {
            Unknown::Script {
                fitting: Some(fitting),
                ..
            } => {
                writeln!(
                    terminal::stderr(),
                    "warning: {name}: {unknown}: the engine's own is written instead"
                )?;
                Ok(fitting)
            }
            _ => bail!(
                "{name}: {unknown}: whoever imports its JavaScript would run it outside the sandbox of WebAssembly. Train the model with this version, or add --allow-unknown-scripts if you trust who made the file"
            ),
        }
    }
}

/// The `package.json` of the folder.
#[derive(Debug, PartialEq, Eq)]
enum Package {
    /// There is none yet.
    Missing,
    /// There is one, ours or that of a project, and it fits.
    Kept,
}

/// Refuses the folder of a package whose `.js` files are not ES modules, as `model.js` is.
fn package(path: &Path) -> Result<Package> {
    if !path.exists() {
        return Ok(Package::Missing);
    }
    let package: Option<serde_json::Value> = serde_json::from_slice(&files::read(path)?).ok();
    let kind = package.as_ref().and_then(|package| package.get("type"));
    ensure!(
        kind.is_some_and(|kind| kind == "module"),
        "{} is there already and declares no ES module, which model.js is: name another folder with --out, or add \"type\": \"module\" to it",
        path.display()
    );
    Ok(Package::Kept)
}
