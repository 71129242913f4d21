//! `underwrite keygen`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use model_files::write_whole_with_mode;
use model_signing::SigningKey;

use crate::{files, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite keygen --out risk.pem
  underwrite keygen --out /secrets/risk.pem --public keys/risk.pub.pem

Keep the private key where models are signed; servers and auditors get the public one.";

/// Only the owner may read a private key.
const SECRET: u32 = 0o600;

/// Create a key to sign models with: ECDSA on P-256.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// File for the private key (PKCS#8 in PEM), which only its owner may read.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// File for the public key [default: the private key's, ending in .pub.pem].
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let public = self.public.clone();
        let public = public.unwrap_or_else(|| self.out.with_extension("pub.pem"));
        files::keep_apart(
            &[],
            &[("--out", Some(&self.out)), ("--public", Some(&public))],
        )?;
        absent(&self.out)?;
        absent(&public)?;
        let (pem, key) = SigningKey::generate()?;
        write_whole_with_mode(&self.out, pem.as_bytes(), SECRET)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        files::write(&public, key.public().to_pem().as_bytes())?;
        let mut out = terminal::stdout();
        writeln!(out, "private key  {} (keep it secret)", self.out.display())?;
        writeln!(out, "public key   {}", public.display())?;
        writeln!(out, "key id       {}", key.public().id())?;
        Ok(())
    }
}

/// A key that signed something cannot be made again.
fn absent(path: &Path) -> Result<()> {
    ensure!(
        !path.exists(),
        "{} exists, and a key is never overwritten: name another file",
        path.display()
    );
    Ok(())
}
