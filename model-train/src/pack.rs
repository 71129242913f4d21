//! Puts a trained model into the engine: `engine.wasm` + artifact = `model.wasm`.
//!
//! The layout is written down in `docs/reference/module-abi.md` and `docs/reference/artifact-format.md`.
//! Nothing is compiled: two data segments and two custom sections are added, the
//! initial memory grows, and every other section is copied byte for byte.

use std::borrow::Cow;

use model_core::model_file::{self, GLUE_SECTION, ModelFile};
use wasm_encoder::{
    ConstExpr, CustomSection, DataCountSection, DataSection, MemorySection, MemoryType, Module,
    RawSection,
};
use wasmparser::{
    DataSectionReader, ExternalKind, GlobalSectionReader, MemorySectionReader, Operator, Parser,
    Payload, TypeRef, Validator, WasmFeatures,
};

/// The exported global that holds the address of the slot: pointer and length, two u32.
const SLOT_EXPORT: &str = "ABI_ARTIFACT";
const SLOT_LEN: u64 = 8;
/// Bytes in a page of WebAssembly memory.
const PAGE: u64 = 65_536;
/// Pages that a 32-bit memory can have.
const MAX_PAGES: u64 = 65_536;

/// Why an engine was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// Not a valid WebAssembly module at all.
    #[error("the engine is not a valid WebAssembly module: {0}")]
    Invalid(wasmparser::BinaryReaderError),
    /// Valid, but some host could not run it.
    #[error(
        "the engine needs a WebAssembly feature that not every host has \
         (externref, threads, relaxed SIMD and the like are not allowed): {0}"
    )]
    NotPortable(wasmparser::BinaryReaderError),
    /// The file already carries a model.
    #[error("this is a packed model.wasm, expected an engine without a model")]
    AlreadyPacked,
    /// A start function would run before a host has set its limits.
    #[error("the engine has a start function, expected none")]
    StartFunction,
    /// The slot for the artifact's address is not exported.
    #[error(
        "the engine exports no global {SLOT_EXPORT}: it is another program's, or of another version"
    )]
    NoSlot,
    /// The slot is exported, but not as the constant address of 8 bytes in memory.
    #[error(
        "the engine's {SLOT_EXPORT} is not the address of 8 bytes in its initial memory, aligned to 4"
    )]
    BadSlot,
    /// The module does not have exactly one memory of its own.
    #[error("the engine does not define exactly one memory of its own")]
    NoMemory,
    /// The artifact does not fit.
    #[error(
        "an artifact of {len} bytes does not fit: the engine starts with {pages} pages of 64 KiB, the limit is {MAX_PAGES}"
    )]
    TooBig {
        /// Bytes of the artifact.
        len: usize,
        /// Pages the engine starts with.
        pages: u64,
    },
}

/// Packs an artifact into an engine; the same input gives the same bytes.
///
/// `glue_js` is the engine's JavaScript half (`model.js`), kept in a custom section.
///
/// # Errors
/// When `engine` is not an engine made by this project, or the artifact does not fit.
pub fn pack(engine: &[u8], glue_js: &[u8], artifact: &[u8]) -> Result<Vec<u8>, PackError> {
    let layout = Layout::read(engine)?;
    let place = Place::after(&layout, artifact)?;
    let (module, artifact_offset) = rewrite(engine, &place, artifact)?;
    let mut bytes = with_glue(module, glue_js);
    model_file::seal(&mut bytes, artifact_offset, artifact.len() as u64);
    Ok(bytes)
}

/// What packing needs to know about an engine.
struct Layout {
    memory: wasmparser::MemoryType,
    /// Address of the slot in memory.
    slot: u32,
}

impl Layout {
    fn read(engine: &[u8]) -> Result<Self, PackError> {
        if ModelFile::open(engine).is_ok() {
            return Err(PackError::AlreadyPacked);
        }
        validate(engine)?;
        let (mut memories, mut globals, mut slot_index) = (Vec::new(), Vec::new(), None);
        for payload in Parser::new(0).parse_all(engine) {
            match payload.map_err(PackError::Invalid)? {
                Payload::StartSection { .. } => return Err(PackError::StartFunction),
                Payload::CustomSection(section) if section.name() == GLUE_SECTION => {
                    return Err(PackError::AlreadyPacked);
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        match import.map_err(PackError::Invalid)?.ty {
                            TypeRef::Memory(_) => return Err(PackError::NoMemory),
                            TypeRef::Global(_) => globals.push(None),
                            _ => {}
                        }
                    }
                }
                Payload::MemorySection(section) => memories = read_memories(section)?,
                Payload::GlobalSection(section) => read_globals(section, &mut globals)?,
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.map_err(PackError::Invalid)?;
                        if export.name == SLOT_EXPORT && export.kind == ExternalKind::Global {
                            slot_index = Some(export.index as usize);
                        }
                    }
                }
                _ => {}
            }
        }
        let slot_index = slot_index.ok_or(PackError::NoSlot)?;
        let &[memory] = &memories[..] else {
            return Err(PackError::NoMemory);
        };
        let slot = globals
            .get(slot_index)
            .copied()
            .flatten()
            .filter(|slot| slot % 4 == 0 && u64::from(*slot) + SLOT_LEN <= memory.initial * PAGE)
            .ok_or(PackError::BadSlot)?;
        Ok(Self { memory, slot })
    }
}

/// Valid for every host: WebAssembly 2.0 without `externref`, for which some
/// runtimes would need a garbage collector.
fn validate(engine: &[u8]) -> Result<(), PackError> {
    Validator::new()
        .validate_all(engine)
        .map_err(PackError::Invalid)?;
    let portable = WasmFeatures::WASM2.difference(WasmFeatures::GC_TYPES);
    Validator::new_with_features(portable)
        .validate_all(engine)
        .map_err(PackError::NotPortable)?;
    Ok(())
}

fn read_memories(
    section: MemorySectionReader<'_>,
) -> Result<Vec<wasmparser::MemoryType>, PackError> {
    section
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(PackError::Invalid)
}

/// Pushes each global's value when it is an immutable `i32.const`, else `None`.
fn read_globals(
    section: GlobalSectionReader<'_>,
    globals: &mut Vec<Option<u32>>,
) -> Result<(), PackError> {
    for global in section {
        let global = global.map_err(PackError::Invalid)?;
        let first = global
            .init_expr
            .get_operators_reader()
            .read()
            .map_err(PackError::Invalid)?;
        globals.push(match first {
            Operator::I32Const { value } if !global.ty.mutable => Some(value.cast_unsigned()),
            _ => None,
        });
    }
    Ok(())
}

/// Where the artifact goes in memory.
struct Place {
    /// Address of the artifact: the start of the first added page, so aligned to 16.
    address: u32,
    slot: u32,
    /// The slot's content: pointer and length, little-endian.
    slot_bytes: [u8; SLOT_LEN as usize],
    memory: MemoryType,
}

impl Place {
    fn after(layout: &Layout, artifact: &[u8]) -> Result<Self, PackError> {
        let old = &layout.memory;
        let added = (artifact.len() as u64).div_ceil(PAGE);
        let too_big = || PackError::TooBig {
            len: artifact.len(),
            pages: old.initial,
        };
        if old.initial + added > MAX_PAGES {
            return Err(too_big());
        }
        let address = u32::try_from(old.initial * PAGE).map_err(|_| too_big())?;
        let len = u32::try_from(artifact.len()).map_err(|_| too_big())?;
        let memory = MemoryType {
            minimum: old.initial + added,
            maximum: old.maximum.map(|max| (max + added).min(MAX_PAGES)),
            memory64: false,
            shared: false,
            page_size_log2: None,
        };
        let mut slot_bytes = [0; SLOT_LEN as usize];
        slot_bytes[..4].copy_from_slice(&address.to_le_bytes());
        slot_bytes[4..].copy_from_slice(&len.to_le_bytes());
        Ok(Self {
            address,
            slot: layout.slot,
            slot_bytes,
            memory,
        })
    }
}

/// Copies the engine's sections, with the memory grown and the segments added.
/// Also answers where in the module the artifact's bytes are.
fn rewrite(engine: &[u8], place: &Place, artifact: &[u8]) -> Result<(Module, u64), PackError> {
    let mut module = Module::new();
    let mut artifact_end = None;
    for payload in Parser::new(0).parse_all(engine) {
        let payload = payload.map_err(PackError::Invalid)?;
        match &payload {
            Payload::MemorySection(_) => {
                module.section(MemorySection::new().memory(place.memory));
            }
            Payload::DataCountSection { count, .. } => {
                module.section(&DataCountSection { count: count + 2 });
            }
            Payload::DataSection(section) => {
                module.section(&data_section(
                    engine,
                    Some(section.clone()),
                    place,
                    artifact,
                )?);
                artifact_end = Some(module.len());
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    let data = &engine[range];
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    let end = match artifact_end {
        Some(end) => end,
        None => {
            module.section(&data_section(engine, None, place, artifact)?);
            module.len()
        }
    };
    Ok((module, (end - artifact.len()) as u64))
}

/// The engine's segments, then the slot, then the artifact (which so ends the section).
fn data_section(
    engine: &[u8],
    old: Option<DataSectionReader<'_>>,
    place: &Place,
    artifact: &[u8],
) -> Result<DataSection, PackError> {
    let mut section = DataSection::new();
    for segment in old.into_iter().flatten() {
        section.raw(&engine[segment.map_err(PackError::Invalid)?.range]);
    }
    for (address, bytes) in [
        (place.slot, &place.slot_bytes[..]),
        (place.address, artifact),
    ] {
        let offset = ConstExpr::i32_const(address.cast_signed());
        section.active(0, &offset, bytes.iter().copied());
    }
    Ok(section)
}

fn with_glue(mut module: Module, glue_js: &[u8]) -> Vec<u8> {
    module.section(&CustomSection {
        name: Cow::Borrowed(GLUE_SECTION),
        data: Cow::Borrowed(glue_js),
    });
    module.finish()
}
