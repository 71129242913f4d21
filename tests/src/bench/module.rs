//! One instance of a module in wasmtime, by its plain exports alone: no pool, no limits, so
//! that only the module is measured.

use anyhow::{Context, Result, anyhow, ensure};
use wasmtime::{Config, Engine, Linker, Memory, Store, TypedFunc};

/// An instance with its model loaded.
pub struct Module {
    store: Store<()>,
    memory: Memory,
    alloc: TypedFunc<u32, u32>,
    decide: TypedFunc<(u32, u32), u64>,
    explain: TypedFunc<(u32, u32), u64>,
    batch: TypedFunc<(u32, u32, u32), u32>,
    /// Modules packed before the call was added do not have it.
    columns: Option<TypedFunc<(u32, u32, u32, u32), u64>>,
}

impl Module {
    /// Compiles, instantiates and loads.
    ///
    /// # Errors
    /// When the file is no module of ours.
    pub fn new(wasm: &[u8]) -> Result<Self> {
        let module = told(Self::instantiate(wasm))?;
        module.context("the module does not load")
    }

    fn instantiate(wasm: &[u8]) -> wasmtime::Result<Option<Self>> {
        let engine = Engine::new(&Config::new())?;
        let module = wasmtime::Module::new(&engine, wasm)?;
        let mut linker = Linker::new(&engine);
        linker.define_unknown_imports_as_traps(&module)?;
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module)?;
        let load = instance.get_typed_func::<(), u64>(&mut store, "abi_load")?;
        let loaded = load.call(&mut store, ())? == 0;
        let memory = instance.get_memory(&mut store, "memory");
        let Some(memory) = memory.filter(|_| loaded) else {
            return Ok(None);
        };
        Ok(Some(Self {
            memory,
            alloc: instance.get_typed_func(&mut store, "abi_alloc")?,
            decide: instance.get_typed_func(&mut store, "abi_decide")?,
            explain: instance.get_typed_func(&mut store, "abi_explain")?,
            batch: instance.get_typed_func(&mut store, "abi_batch")?,
            columns: instance.get_typed_func(&mut store, "abi_columns").ok(),
            store,
        }))
    }

    /// A block in the module's memory.
    ///
    /// # Errors
    /// When there is no room.
    pub fn alloc(&mut self, len: usize) -> Result<u32> {
        let pointer = told(self.alloc.call(&mut self.store, u32::try_from(len)?))?;
        ensure!(pointer != 0, "the module has no room for {len} bytes");
        Ok(pointer)
    }

    /// Writes bytes into a block.
    ///
    /// # Errors
    /// When they do not fit.
    pub fn write(&mut self, pointer: u32, bytes: &[u8]) -> Result<()> {
        Ok(self
            .memory
            .write(&mut self.store, pointer as usize, bytes)?)
    }

    /// The bytes at `pointer`.
    #[must_use]
    pub fn read(&self, pointer: u32, len: usize) -> &[u8] {
        &self.memory.data(&self.store)[pointer as usize..pointer as usize + len]
    }

    /// One decision as a host does it: the request written, the answer's bytes read.
    ///
    /// # Errors
    /// When the module traps.
    pub fn decide(&mut self, block: u32, request: &[u8]) -> Result<&[u8]> {
        self.write(block, request)?;
        let call = (block, u32::try_from(request.len())?);
        let packed = told(self.decide.call(&mut self.store, call))?;
        Ok(self.read((packed >> 32) as u32, packed as u32 as usize))
    }

    /// One explanation as a host does it.
    ///
    /// # Errors
    /// When the module traps.
    pub fn explain(&mut self, block: u32, request: &[u8]) -> Result<&[u8]> {
        self.write(block, request)?;
        let call = (block, u32::try_from(request.len())?);
        let packed = told(self.explain.call(&mut self.store, call))?;
        Ok(self.read((packed >> 32) as u32, packed as u32 as usize))
    }

    /// `abi_batch`.
    ///
    /// # Errors
    /// When the module traps.
    pub fn batch(&mut self, columns: u32, rows: u32, out: u32) -> Result<u32> {
        told(self.batch.call(&mut self.store, (columns, rows, out)))
    }

    /// Whether the module has `abi_columns`.
    #[must_use]
    pub fn has_columns(&self) -> bool {
        self.columns.is_some()
    }

    /// `abi_columns`: how many rows are refused, or the `{"detail":"…"}` of a call that cannot be
    /// done.
    ///
    /// # Errors
    /// When the module does not have it, or traps.
    pub fn columns(
        &mut self,
        descriptors: u32,
        columns: u32,
        rows: u32,
        out: u32,
    ) -> Result<std::result::Result<u32, String>> {
        let call = (descriptors, columns, rows, out);
        let function = self.columns.as_ref();
        let function = function.context("the module has no abi_columns")?;
        let packed = told(function.call(&mut self.store, call))?;
        Ok(match u32::try_from(packed) {
            Ok(refused) => Ok(refused),
            Err(_) => {
                let bytes = self.read((packed >> 32) as u32, packed as u32 as usize);
                Err(String::from_utf8_lossy(bytes).into_owned())
            }
        })
    }
}

/// wasmtime's error is no `std::error::Error`.
fn told<T>(result: wasmtime::Result<T>) -> Result<T> {
    result.map_err(|error| anyhow!("{error:#}"))
}
