//! A `model.wasm` whose policy is exchanged.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use model_core::artifact::{Digests, digests, with_policy};
use model_core::decide::Decider;
use model_core::model_file::ModelFile;
use model_core::policy::Policy;
use model_train::pack::pack;
use model_train::unpack::{Unpacked, unpack};

use crate::engine::{self, Origin};
use crate::files;
use crate::signature;
use crate::terminal;

/// A model, and the file that it came from.
pub(super) struct Model {
    pub(super) decider: Decider,
    wasm: Vec<u8>,
    path: PathBuf,
}

impl Model {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let wasm = files::read(path)?;
        let artifact = files::open_model(path, &wasm)?.artifact();
        Ok(Self {
            decider: Decider::load(artifact).with_context(|| path.display().to_string())?,
            wasm,
            path: path.to_owned(),
        })
    }

    /// Writes the model with another policy, or with none, and says what became of it.
    pub(super) fn write(&self, policy: Option<&Policy>, out: &Path) -> Result<Digests> {
        let packed = self.packed(policy);
        let (bytes, wasm) = packed.with_context(|| self.path.display().to_string())?;
        files::write(out, &wasm)?;
        let new = digests(&bytes)?;
        self.say(&new)?;
        // Whoever signed the old file has not signed this one.
        signature::warn_if_outdated(out, &wasm)?;
        Ok(new)
    }

    /// The artifact with the policy, and the file that holds it. The engine's digest is part of
    /// the model: the file keeps the engine that it has, apart from formats that only another
    /// one brings to format 3.
    fn packed(&self, policy: Option<&Policy>) -> Result<(Vec<u8>, Vec<u8>)> {
        let mut artifact = self.decider.artifact().clone();
        let ours = engine::carried()?;
        if self.decider.format() < 3 {
            artifact.engine_sha256 = ours.sha256();
            let bytes = with_policy(&artifact.encode()?, policy)?;
            let wasm = pack(ours.wasm, ours.glue, &bytes)?;
            return Ok((bytes, wasm));
        }
        let bytes = with_policy(ModelFile::open(&self.wasm)?.artifact(), policy)?;
        let wasm = match engine::origin(&self.wasm)? {
            Origin::Ours => pack(ours.wasm, ours.glue, &bytes)?,
            Origin::Released(_) | Origin::Other(_) => {
                let Unpacked { engine, glue } = unpack(&self.wasm)?;
                pack(&engine, &glue, &bytes)?
            }
        };
        Ok((bytes, wasm))
    }

    fn say(&self, new: &Digests) -> Result<()> {
        let mut out = terminal::stdout();
        match self.decider.format() {
            format @ 1..=2 => writeln!(
                out,
                "format  3, it was {format}: the model decides the same and has another digest, it was {}",
                self.decider.digest()
            )?,
            _ => writeln!(out, "format  3")?,
        }
        let same = match new.model == self.decider.digest() {
            true => ", unchanged",
            false => "",
        };
        writeln!(out, "model   {}{same}", new.model)?;
        Ok(())
    }
}
