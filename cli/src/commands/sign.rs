//! `underwrite sign`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use model_files::resolved;
use model_hub::MODEL_FILE;
use model_signing::{Bundle, SIGNATURE_FILE, SigningKey, sign_folder};

use crate::{files, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite keygen --out risk.pem
  underwrite sign models/loan-approval/1.0.0 --key risk.pem
  underwrite verify models/loan-approval/1.0.0/model.wasm --key risk.pub.pem

The signature is an OpenSSF Model Signing bundle. It covers every file of the folder: sign
last, and again after every change.";

/// Sign the folder of one version, with model.wasm and whatever else belongs to it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder of one version.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Private key: ECDSA on P-256, PKCS#8 in PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let name = self.folder.display();
        ensure!(
            self.folder.is_dir(),
            "{name} is not a folder: name the folder that {MODEL_FILE} lies in"
        );
        let path = self.folder.join(SIGNATURE_FILE);
        files::keep_apart(
            &[("--key", Some(&self.key))],
            &[("the signature", Some(&path))],
        )?;
        ensure!(
            !resolved(&self.key).starts_with(resolved(&self.folder)),
            "--key {} lies in the folder that it signs, and would go wherever the folder goes: keep it elsewhere",
            self.key.display()
        );
        let model = self.folder.join(MODEL_FILE);
        let wasm = files::read(&model)?;
        files::open_model(&model, &wasm)?;
        let key = SigningKey::from_file(&self.key)?;
        let bundle = sign_folder(&self.folder, &key)?;
        files::write(&path, bundle.as_bytes())?;
        let mut out = terminal::stdout();
        for resource in Bundle::parse(bundle.as_bytes())?.resources() {
            writeln!(out, "signed  {} sha256:{}", resource.name, resource.digest)?;
        }
        writeln!(out, "key id  {}", key.public().id())?;
        writeln!(out, "wrote   {}", path.display())?;
        Ok(())
    }
}
