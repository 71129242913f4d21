//! The way back: `model.wasm` = `engine.wasm` + artifact, so a file can be taken apart into the
//! engine and the glue that it was packed from, and be compared with known ones.

use model_core::model_file::{GLUE_SECTION, ModelFile, ModelFileError, SEAL_LEN};
use wasm_encoder::{DataCountSection, DataSection, MemorySection, MemoryType, Module, RawSection};
use wasmparser::{BinaryReaderError, DataSectionReader, MemorySectionReader, Parser, Payload};

use crate::pack::{PackError, pack};

/// Bytes in a page of WebAssembly memory.
const PAGE: u64 = 65_536;

/// What packing adds at the end of the data section: the slot's content and the artifact.
const ADDED: usize = 2;

/// What a `model.wasm` was packed from, without the artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// `engine.wasm`, byte for byte.
    pub engine: Vec<u8>,
    /// `model.js`.
    pub glue: Vec<u8>,
}

/// Why a file cannot be taken apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// It has no seal, or one that does not fit.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// It is not WebAssembly.
    #[error("not a WebAssembly module: {0}")]
    Invalid(#[from] BinaryReaderError),
    /// What is left without the artifact is no engine.
    #[error(transparent)]
    Engine(#[from] PackError),
    /// Nothing that packing writes.
    #[error("the file was not made by packing an artifact into an engine")]
    NotPacked,
}

/// Takes a `model.wasm` apart. Packing the parts again gives the same file, byte for byte.
///
/// # Errors
/// When the file is sealed, but is not what [`pack`] makes of any engine.
pub fn unpack(file: &[u8]) -> Result<Unpacked, UnpackError> {
    let opened = ModelFile::open(file)?;
    let artifact = opened.artifact();
    let glue = opened
        .custom_section(GLUE_SECTION)
        .ok_or(UnpackError::NotPacked)?
        .to_vec();
    let module = &file[..file.len() - SEAL_LEN];
    let engine = without_artifact(module, artifact.len() as u64)?;
    match pack(&engine, &glue, artifact)? == file {
        true => Ok(Unpacked { engine, glue }),
        false => Err(UnpackError::NotPacked),
    }
}

/// The module's sections as they were before packing.
fn without_artifact(bytes: &[u8], artifact_len: u64) -> Result<Vec<u8>, UnpackError> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::MemorySection(section) => {
                let memory = smaller(section.clone(), artifact_len.div_ceil(PAGE))?;
                module.section(MemorySection::new().memory(memory));
            }
            Payload::DataCountSection { count, .. } => {
                let count = count.checked_sub(ADDED as u32);
                let count = count.ok_or(UnpackError::NotPacked)?;
                module.section(&DataCountSection { count });
            }
            Payload::DataSection(section) => {
                if let Some(section) = fewer_segments(bytes, section.clone())? {
                    module.section(&section);
                }
            }
            Payload::CustomSection(section) if section.name() == GLUE_SECTION => {}
            other => {
                if let Some((id, range)) = other.as_section() {
                    let data = &bytes[range];
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(module.finish())
}

/// The only memory, with `pages` less.
fn smaller(section: MemorySectionReader<'_>, pages: u64) -> Result<MemoryType, UnpackError> {
    let mut memories = section.into_iter();
    let (Some(memory), None) = (memories.next().transpose()?, memories.next()) else {
        return Err(UnpackError::NotPacked);
    };
    let less = |size: u64| size.checked_sub(pages).ok_or(UnpackError::NotPacked);
    Ok(MemoryType {
        minimum: less(memory.initial)?,
        maximum: memory.maximum.map(less).transpose()?,
        memory64: false,
        shared: false,
        page_size_log2: None,
    })
}

/// The segments of the engine; `None` where it had none, and so no such section.
fn fewer_segments(
    bytes: &[u8],
    section: DataSectionReader<'_>,
) -> Result<Option<DataSection>, UnpackError> {
    let segments = section.into_iter().collect::<Result<Vec<_>, _>>()?;
    let kept = segments.len().checked_sub(ADDED);
    let kept = &segments[..kept.ok_or(UnpackError::NotPacked)?];
    let mut section = DataSection::new();
    for segment in kept {
        section.raw(&bytes[segment.range.clone()]);
    }
    Ok((!kept.is_empty()).then_some(section))
}
