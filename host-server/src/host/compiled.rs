//! A module, compiled once: its imports and exports checked, ready to be instantiated.

use wasmparser::{Parser, Payload};
use wasmtime::{Engine, ExternType, FuncType, InstancePre, Linker, Module, ModuleExport, ValType};

use super::error::{LoadError, LoadErrorKind};
use super::guest::Guest;
use super::limits::Limits;

const PAGE: u64 = 64 << 10;

/// A module that has the plain exports (`docs/reference/module-abi.md`) and nothing that a model must
/// not have.
pub(crate) struct Compiled {
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) exports: Exports,
}

/// The indexes of the plain exports, so that a new instance need not look up names.
pub(crate) struct Exports {
    pub(crate) memory: ModuleExport,
    pub(crate) abi_version: ModuleExport,
    pub(crate) abi_alloc: ModuleExport,
    pub(crate) abi_free: ModuleExport,
    pub(crate) abi_load: ModuleExport,
    pub(crate) abi_describe: ModuleExport,
    pub(crate) abi_decide: ModuleExport,
    pub(crate) abi_status: ModuleExport,
    pub(crate) abi_batch: ModuleExport,
    /// `None` of a module that was packed before it could explain.
    pub(crate) abi_explain: Option<ModuleExport>,
}

impl Compiled {
    /// Checks what `wasm` asks for, then compiles it.
    pub(crate) fn new(engine: &Engine, wasm: &[u8], limits: &Limits) -> Result<Self, LoadError> {
        check_sections(wasm, limits)?;
        let module = Module::new(engine, wasm).map_err(compile_error)?;
        check_imports(&module)?;
        let exports = Exports::find(&module)?;
        let mut linker = Linker::new(engine);
        linker
            .define_unknown_imports_as_traps(&module)
            .map_err(compile_error)?;
        let pre = linker.instantiate_pre(&module).map_err(compile_error)?;
        Ok(Self { pre, exports })
    }
}

impl Exports {
    fn find(module: &Module) -> Result<Self, LoadError> {
        use ValType::{I32, I64};
        let function =
            |name, params: &[ValType], results: &[ValType]| function(module, name, params, results);
        Ok(Self {
            memory: memory(module)?,
            abi_version: function("abi_version", &[], &[I32])?,
            abi_alloc: function("abi_alloc", &[I32], &[I32])?,
            abi_free: function("abi_free", &[I32, I32], &[])?,
            abi_load: function("abi_load", &[], &[I64])?,
            abi_describe: function("abi_describe", &[], &[I64])?,
            abi_decide: function("abi_decide", &[I32, I32], &[I64])?,
            abi_status: function("abi_status", &[], &[I32])?,
            abi_batch: function("abi_batch", &[I32, I32, I32], &[I32])?,
            abi_explain: match module.get_export("abi_explain") {
                Some(_) => Some(function("abi_explain", &[I32, I32], &[I64])?),
                None => None,
            },
        })
    }
}

/// Refuses code that would run on instantiation, and too much memory, before the costly
/// compilation.
fn check_sections(wasm: &[u8], limits: &Limits) -> Result<(), LoadError> {
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(compile_error)? {
            Payload::StartSection { .. } => return Err(LoadErrorKind::StartFunction.into()),
            Payload::MemorySection(memories) => {
                for memory in memories {
                    check_memory(memory.map_err(compile_error)?.initial, limits)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_memory(pages: u64, limits: &Limits) -> Result<(), LoadError> {
    let needed = pages.saturating_mul(PAGE);
    let limit = limits.memory_bytes;
    if needed > limit as u64 {
        return Err(LoadErrorKind::Memory { needed, limit }.into());
    }
    Ok(())
}

/// Allows only the functions that wasm-bindgen imports for its own JavaScript.
fn check_imports(module: &Module) -> Result<(), LoadError> {
    for import in module.imports() {
        let from_bindgen = matches!(import.module(), "wbg" | "__wbindgen_placeholder__")
            || import.module().ends_with("_bg.js");
        let is_function = matches!(import.ty(), ExternType::Func(_));
        if !(from_bindgen && is_function && import.name().starts_with("__wb")) {
            return Err(LoadErrorKind::Import {
                module: import.module().to_owned(),
                name: import.name().to_owned(),
            }
            .into());
        }
    }
    Ok(())
}

fn memory(module: &Module) -> Result<ModuleExport, LoadError> {
    const NAME: &str = "memory";
    match (module.get_export(NAME), module.get_export_index(NAME)) {
        (Some(ExternType::Memory(_)), Some(index)) => Ok(index),
        (found, _) => Err(wrong_export(NAME, "a memory".to_owned(), found)),
    }
}

fn function(
    module: &Module,
    name: &'static str,
    params: &[ValType],
    results: &[ValType],
) -> Result<ModuleExport, LoadError> {
    let expected = FuncType::new(
        module.engine(),
        params.iter().cloned(),
        results.iter().cloned(),
    );
    match (module.get_export(name), module.get_export_index(name)) {
        (Some(ExternType::Func(found)), Some(index)) if FuncType::eq(&found, &expected) => {
            Ok(index)
        }
        (found, _) => Err(wrong_export(name, signature(&expected), found)),
    }
}

fn wrong_export(name: &'static str, expected: String, found: Option<ExternType>) -> LoadError {
    let found = match found {
        None => "nothing".to_owned(),
        Some(ExternType::Func(function)) => signature(&function),
        Some(ExternType::Memory(_)) => "a memory".to_owned(),
        Some(ExternType::Global(_)) => "a global".to_owned(),
        Some(ExternType::Table(_)) => "a table".to_owned(),
        Some(_) => "something else".to_owned(),
    };
    LoadErrorKind::Export {
        name,
        expected,
        found,
    }
    .into()
}

/// A type as `docs/reference/module-abi.md` writes it: `(i32, i32) -> i64`.
fn signature(function: &FuncType) -> String {
    let list = |types: &mut dyn Iterator<Item = ValType>| {
        types
            .map(|one| one.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let results = match list(&mut function.results()) {
        none if none.is_empty() => "()".to_owned(),
        some => some,
    };
    format!("({}) -> {results}", list(&mut function.params()))
}

fn compile_error(error: impl std::fmt::Display) -> LoadError {
    LoadErrorKind::Compile(format!("{error:#}")).into()
}
