//! `underwrite verify`: checks a model file and replays its golden rows natively and in
//! wasmtime.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use host_server::{Limits, ModelHost};
use model_core::artifact::GoldenRow;
use model_core::decide::Decider;
use model_files::sha256_hex;
use model_signing::{Signed, TrustedKeys};
use model_train::golden::probability;

use crate::counted::counted;
use crate::engine::{self, Origin};
use crate::{files, signature, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite verify model.wasm
  underwrite verify model.wasm && cp model.wasm /srv/models/
  underwrite verify models/loan-approval/1.0.0/model.wasm --key risk.pub.pem";

/// Check that a model.wasm is complete and unaltered, and decides as it did when it was packed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model.wasm to check.
    #[arg(value_name = "MODEL.WASM")]
    model: PathBuf,
    /// Public key (PEM) that must have signed the folder of the model, in its model.sig.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let name = self.model.display().to_string();
        let wasm = files::read(&self.model)?;
        let signed = match &self.key {
            None => None,
            // First: what nobody vouches for is not even opened.
            Some(key) => Some(self.signed(key, &wasm).with_context(|| name.clone())?),
        };
        let artifact = files::open_model(&self.model, &wasm)?.artifact();
        let mut decider = Decider::load(artifact).with_context(|| name.clone())?;
        let origin = engine::origin(&wasm).with_context(|| name.clone())?;
        // Compiled by a process with limits, as `serve` does: the file may mean harm.
        let modules = tempfile::tempdir().context("cannot create a temporary folder")?;
        let limits = Limits {
            cache: Some(modules.path().to_owned()),
            compiler: std::env::current_exe().ok(),
            ..Limits::default()
        };
        let host = ModelHost::load(wasm.clone(), limits).with_context(|| name.clone())?;
        let rows = decider.artifact().golden_rows.clone();
        for (index, row) in rows.iter().enumerate() {
            check(row, &mut decider, &host)
                .with_context(|| format!("{name}: golden row {}", index + 1))?;
        }
        let info = &host.description().model;
        let mut stdout = terminal::stdout();
        writeln!(
            stdout,
            "{name} is complete{}:",
            match rows.len() {
                0 => "",
                _ => " and decides as it did when it was packed",
            }
        )?;
        writeln!(
            stdout,
            "  seal        {} bytes, SHA-256 matches",
            wasm.len()
        )?;
        writeln!(
            stdout,
            "  artifact    {} (matches, content checked)",
            info.digest
        )?;
        writeln!(
            stdout,
            "  engine      {}",
            match origin {
                Origin::Ours => "this program's, byte for byte".to_owned(),
                Origin::Released(whence) => format!("of {whence}, byte for byte"),
                Origin::Other(unknown) => format!("in doubt: {unknown}; its code is not checked"),
            }
        )?;
        writeln!(
            stdout,
            "  module      {} {} compiles and loads in wasmtime",
            info.name, info.version
        )?;
        writeln!(
            stdout,
            "  decisions   {}",
            match rows.len() {
                0 => "not checked: the model has no golden rows".to_owned(),
                count => format!(
                    "{}: identical bytes natively and in wasmtime, probabilities equal to the bit",
                    counted(count, "golden row")
                ),
            }
        )?;
        if let Some(signed) = signed {
            let files = counted(signed.resources().len(), "file");
            writeln!(
                stdout,
                "  signature   by the key {}, of {files}, all as they were signed",
                signed.signer().key
            )?;
        }
        Ok(())
    }

    /// The signature of the model's folder, which must hold.
    fn signed(&self, key: &Path, wasm: &[u8]) -> Result<Signed> {
        let signed = signature::signed(&self.model, &TrustedKeys::from_file(key)?)?;
        signature::check_folder(&self.model, &sha256_hex(wasm), &signed)
            .context("the signature does not hold")?;
        Ok(signed)
    }
}

/// One synthetic request, answered natively and by the module.
fn check(row: &GoldenRow, decider: &mut Decider, host: &ModelHost) -> Result<()> {
    let mut native = Vec::new();
    let status = decider.decide(row.request.as_bytes(), &mut native);
    let module = host.decide(row.request.as_bytes())?;
    ensure!(
        module.status == status && module.body == native,
        "the module answers {}, this program answers {}",
        String::from_utf8_lossy(&module.body),
        String::from_utf8_lossy(&native)
    );
    let got = probability(&native).filter(|_| status == 200);
    ensure!(
        got.map(f64::to_bits) == Some(row.probability.to_bits()),
        "expected the probability {}, got {}",
        row.probability,
        String::from_utf8_lossy(&native)
    );
    Ok(())
}
