//! Takes a `model.wasm` apart again: the engine and the glue that it was packed from, so that
//! its artifact can be exchanged without another engine.
//!
//! What comes out is proved: the engine has the digest that the artifact names, and packing it
//! again gives the file, byte for byte.

use model_core::artifact::{Artifact, ArtifactError};
use model_core::model_file::{GLUE_SECTION, ModelFile, ModelFileError, SEAL_LEN};
use model_files::sha256_hex;
use wasm_encoder::{DataCountSection, DataSection, MemorySection, MemoryType, Module, RawSection};
use wasmparser::{BinaryReaderError, Parser, Payload};

use crate::pack::{PAGE, PackError, pack};

/// Segments that packing adds: the slot and the artifact.
const ADDED: u32 = 2;

/// What a `model.wasm` was packed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The engine, without a model.
    pub engine: Vec<u8>,
    /// Its JavaScript half.
    pub glue: Vec<u8>,
}

/// Why a file could not be taken apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// It is no whole `model.wasm`.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// Its artifact cannot be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// It is no valid module.
    #[error("the file is not a valid WebAssembly module: {0}")]
    Invalid(#[from] BinaryReaderError),
    /// What comes out is no engine.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The engine is not the one that the artifact names.
    #[error(
        "the engine in the file cannot be told apart from the model: expected one of SHA-256 {expected}, found {found}"
    )]
    Engine {
        /// What the artifact says.
        expected: String,
        /// What the file holds.
        found: String,
    },
    /// Packing gives another file.
    #[error("the file is not laid out as a packed model")]
    Layout,
}

/// Takes a file apart.
///
/// # Errors
/// When the file is no whole `model.wasm`, or its parts cannot be proved to be what it was
/// packed from.
pub fn unpack(file: &[u8]) -> Result<Unpacked, UnpackError> {
    let open = ModelFile::open(file)?;
    let artifact = open.artifact();
    let expected = Artifact::decode(artifact)?.engine_sha256;
    let glue = open.custom_section(GLUE_SECTION);
    let glue = glue.ok_or(UnpackError::Layout)?.to_vec();
    let module = &file[..file.len() - SEAL_LEN];
    let engine = without_model(module, artifact.len() as u64)?;
    let found = sha256_hex(&engine);
    if found != expected {
        return Err(UnpackError::Engine { expected, found });
    }
    match pack(&engine, &glue, artifact)? == file {
        true => Ok(Unpacked { engine, glue }),
        false => Err(UnpackError::Layout),
    }
}

/// The module with its memory shrunk, and without what packing added.
fn without_model(module: &[u8], artifact: u64) -> Result<Vec<u8>, UnpackError> {
    let added = artifact.div_ceil(PAGE);
    let mut engine = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::CustomSection(section) if section.name() == GLUE_SECTION => {}
            Payload::MemorySection(section) => {
                let mut memories = MemorySection::new();
                for memory in section.clone() {
                    let memory = memory?;
                    memories.memory(MemoryType {
                        minimum: memory.initial.saturating_sub(added),
                        maximum: memory.maximum.map(|most| most.saturating_sub(added)),
                        memory64: memory.memory64,
                        shared: memory.shared,
                        page_size_log2: memory.page_size_log2,
                    });
                }
                engine.section(&memories);
            }
            Payload::DataCountSection { count, .. } => {
                let count = count.saturating_sub(ADDED);
                engine.section(&DataCountSection { count });
            }
            Payload::DataSection(section) => {
                let kept = section.count().saturating_sub(ADDED) as usize;
                let mut data = DataSection::new();
                for segment in section.clone().into_iter().take(kept) {
                    data.raw(&module[segment?.range]);
                }
                engine.section(&data);
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    let data = &module[range];
                    engine.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(engine.finish())
}
