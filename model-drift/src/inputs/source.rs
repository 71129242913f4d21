//! What a file is: rows, a sketch or a model.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model_core::artifact::Artifact;
use model_core::decide::Decider;
use model_core::details::Details;
use model_core::model_file::ModelFile;

use super::error::InputError;
use crate::sketch::Sketch;

/// Bytes that tell what a file is.
const MAGIC_BYTES: u64 = 8;
/// The first bytes of a WebAssembly module.
const WASM: &[u8] = b"\0asm";

/// A file, opened as far as it is needed.
pub(super) enum Source {
    /// CSV or Parquet, not yet read.
    Rows,
    /// A sketch.
    Sketch(Sketch),
    /// A `model.wasm`.
    Model(Arc<Model>),
}

impl Source {
    /// A file's first bytes say what it is.
    pub(super) fn open(path: &Path) -> Result<Self, InputError> {
        let start = first_bytes(path).map_err(reading(path))?;
        if start.starts_with(WASM) {
            return Ok(Self::Model(Arc::new(Model::open(path)?)));
        }
        if Sketch::is_sketch(&start) {
            return Ok(Self::Sketch(read_sketch(path)?));
        }
        Ok(Self::Rows)
    }
}

fn first_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    let mut start = Vec::new();
    file.take(MAGIC_BYTES).read_to_end(&mut start)?;
    Ok(start)
}

/// A file that must be a sketch.
pub(super) fn read_sketch(path: &Path) -> Result<Sketch, InputError> {
    let bytes = fs::read(path).map_err(reading(path))?;
    Sketch::decode(&bytes).map_err(InputError::sketch(path))
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> InputError {
    let path = path.to_owned();
    move |cause| InputError::Io { path, cause }
}

/// A `model.wasm` whose artifact was checked.
pub(super) struct Model {
    path: PathBuf,
    bytes: Vec<u8>,
    pub(super) artifact: Artifact,
}

impl Model {
    fn open(path: &Path) -> Result<Self, InputError> {
        let wasm = fs::read(path).map_err(reading(path))?;
        let file = ModelFile::open(&wasm).map_err(|cause| InputError::ModelFile {
            path: path.to_owned(),
            cause,
        })?;
        let bytes = file.artifact().to_vec();
        let decider = Decider::load(&bytes).map_err(InputError::artifact(path))?;
        Ok(Self {
            path: path.to_owned(),
            artifact: decider.artifact().clone(),
            bytes,
        })
    }

    /// A decider of its own, such as for another thread.
    pub(super) fn decider(&self) -> Result<Decider, InputError> {
        Decider::load(&self.bytes).map_err(InputError::artifact(&self.path))
    }

    /// The sketch of the training rows.
    pub(super) fn training_sketch(&self) -> Result<Sketch, InputError> {
        let details =
            Details::from_artifact(&self.artifact).map_err(InputError::artifact(&self.path))?;
        if details.reference.is_empty() {
            let path = self.path.clone();
            return Err(InputError::NoSketch { path });
        }
        Sketch::decode(&details.reference).map_err(InputError::sketch(&self.path))
    }
}
