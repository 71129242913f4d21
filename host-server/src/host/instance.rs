//! One instance of the module with its own memory, and the calls of its plain exports.

use std::time::Duration;

use serde::Deserialize;
use wasmtime::{
    Func, Instance as WasmInstance, Memory, ModuleExport, Store, Trap, TypedFunc, WasmParams,
    WasmResults,
};

use super::answer::Answer;
use super::compiled::{Compiled, Exports};
use super::error::CallError;
use super::guest::{Guest, store};
use super::limits::Limits;

const REFUSED_BATCH: u32 = u32::MAX;
const SMALLEST_REQUEST_BUFFER: u32 = 4 << 10;

/// An instance. After a call that failed its state is unknown: discard it.
pub(crate) struct Instance {
    store: Store<Guest>,
    memory: Memory,
    functions: Functions,
    request: Buffer,
    limits: Limits,
}

struct Functions {
    version: TypedFunc<(), u32>,
    alloc: TypedFunc<u32, u32>,
    free: TypedFunc<(u32, u32), ()>,
    load: TypedFunc<(), u64>,
    describe: TypedFunc<(), u64>,
    decide: TypedFunc<(u32, u32), u64>,
    status: TypedFunc<(), u32>,
    batch: TypedFunc<(u32, u32, u32), u32>,
    explain: Option<TypedFunc<(u32, u32), u64>>,
}

/// Bytes in the module's memory, made with `abi_alloc`.
#[derive(Clone, Copy)]
struct Buffer {
    pointer: u32,
    capacity: u32,
}

impl Instance {
    /// A new instance, its model not yet loaded. Takes microseconds.
    pub(crate) fn new(compiled: &Compiled, limits: &Limits) -> Result<Self, CallError> {
        let engine = compiled.pre.module().engine();
        let mut store = store(engine, limits);
        let instance = compiled
            .pre
            .instantiate(&mut store)
            .map_err(|error| CallError::Instantiate(format!("{error:#}")))?;
        let memory = instance
            .get_module_export(&mut store, &compiled.exports.memory)
            .and_then(wasmtime::Extern::into_memory)
            .ok_or_else(|| CallError::Instantiate("no memory".to_owned()))?;
        Ok(Self {
            functions: Functions::find(&mut store, instance, &compiled.exports)?,
            store,
            memory,
            request: Buffer::NONE,
            limits: limits.clone(),
        })
    }

    /// The version of the module's plain exports.
    pub(crate) fn abi_version(&mut self) -> Result<u32, CallError> {
        self.deadline(self.limits.load);
        self.call("abi_version", |functions| &functions.version, ())
    }

    /// Builds the model, so that the first decision does not wait for it.
    pub(crate) fn load(&mut self) -> Result<(), CallError> {
        self.deadline(self.limits.load);
        match self.call("abi_load", |functions| &functions.load, ())? {
            0 => Ok(()),
            packed => Err(CallError::Artifact {
                detail: detail(self.bytes("abi_load", packed)?),
            }),
        }
    }

    /// The module's description of itself, JSON.
    pub(crate) fn describe(&mut self) -> Result<Vec<u8>, CallError> {
        self.deadline(self.limits.load);
        let packed = self.call("abi_describe", |functions| &functions.describe, ())?;
        self.bytes("abi_describe", packed).map(<[u8]>::to_vec)
    }

    /// One decision; the answer is overwritten by the next call.
    pub(crate) fn decide(&mut self, body: &[u8]) -> Result<Answer<'_>, CallError> {
        self.deadline(self.limits.decide);
        let length = self.length("abi_decide", body.len())?;
        let pointer = self.request_buffer(length)?;
        self.write(pointer, body)?;
        let packed = self.call(
            "abi_decide",
            |functions| &functions.decide,
            (pointer, length),
        )?;
        let status = self.status()?;
        let body = self.bytes("abi_decide", packed)?;
        if !body.ends_with(b"}") {
            return Err(CallError::Contract {
                function: "abi_decide",
                expected: "a JSON object",
                found: format!("{} bytes of something else", body.len()),
            });
        }
        Ok(Answer { status, body })
    }

    /// Whether the module can explain.
    pub(crate) fn explains(&self) -> bool {
        self.functions.explain.is_some()
    }

    /// One explanation; the answer is overwritten by the next call.
    pub(crate) fn explain(&mut self, body: &[u8]) -> Result<Answer<'_>, CallError> {
        const NAME: &str = "abi_explain";
        let Some(explain) = self.functions.explain.clone() else {
            return Err(CallError::Contract {
                function: NAME,
                expected: "the export",
                found: "nothing".to_owned(),
            });
        };
        self.deadline(self.limits.explain);
        let length = self.length(NAME, body.len())?;
        let pointer = self.request_buffer(length)?;
        self.write(pointer, body)?;
        let packed = explain
            .call(&mut self.store, (pointer, length))
            .map_err(|error| self.explain_error(NAME, &error))?;
        let status = self.status()?;
        let body = self.bytes(NAME, packed)?;
        Ok(Answer { status, body })
    }

    /// Many rows: fills `out` with probabilities and returns the number of refused rows.
    pub(crate) fn batch(&mut self, columns: &[f64], out: &mut [f64]) -> Result<u32, CallError> {
        self.deadline(self.limits.load);
        let rows = self.length("abi_batch", out.len())?;
        let input = self.alloc(size_of_val(columns))?;
        let output = self.alloc(size_of_val(out))?;
        self.write_numbers(input, columns)?;
        let refused = self.call(
            "abi_batch",
            |functions| &functions.batch,
            (input.pointer, rows, output.pointer),
        )?;
        if refused == REFUSED_BATCH {
            return Err(CallError::Contract {
                function: "abi_batch",
                expected: "a number of refused rows",
                found: "that it has no model or refuses its pointers".to_owned(),
            });
        }
        self.read_numbers(output, out)?;
        self.free(input)?;
        self.free(output)?;
        Ok(refused)
    }

    /// Whether the module reached its memory limit. It may have gone on without the memory,
    /// but it is no longer as good as a new instance.
    pub(crate) fn is_spent(&self) -> bool {
        self.store.data().was_refused_memory()
    }

    fn status(&mut self) -> Result<u16, CallError> {
        match self.call("abi_status", |functions| &functions.status, ())? {
            known @ (200 | 413 | 422 | 503) => Ok(known as u16),
            other => Err(CallError::Contract {
                function: "abi_status",
                expected: "200, 413, 422 or 503",
                found: other.to_string(),
            }),
        }
    }

    fn deadline(&mut self, limit: Duration) {
        self.store.data_mut().begin(limit);
        // Looked at with the first tick, and then when the limit may have been reached.
        self.store.set_epoch_deadline(1);
    }

    fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &'static str,
        pick: fn(&Functions) -> &TypedFunc<P, R>,
        params: P,
    ) -> Result<R, CallError> {
        pick(&self.functions)
            .call(&mut self.store, params)
            .map_err(|error| self.explain_error(name, &error))
    }

    fn explain_error(&self, function: &'static str, error: &wasmtime::Error) -> CallError {
        let trap = error.downcast_ref::<Trap>();
        if trap == Some(&Trap::Interrupt) {
            let limit = match function {
                "abi_decide" | "abi_status" => self.limits.decide,
                "abi_explain" => self.limits.explain,
                _ => self.limits.load,
            };
            return CallError::Deadline { function, limit };
        }
        if self.is_spent() {
            return self.memory_error(function);
        }
        let reason = trap.map_or_else(|| format!("{error:#}"), ToString::to_string);
        CallError::Trap { function, reason }
    }

    fn memory_error(&self, function: &'static str) -> CallError {
        CallError::Memory {
            function,
            limit: self.limits.memory_bytes,
        }
    }

    fn length(&self, function: &'static str, length: usize) -> Result<u32, CallError> {
        u32::try_from(length).map_err(|_| self.memory_error(function))
    }

    /// Room for a request, kept from call to call.
    fn request_buffer(&mut self, length: u32) -> Result<u32, CallError> {
        if self.request.capacity == 0 || length > self.request.capacity {
            let capacity = length
                .max(SMALLEST_REQUEST_BUFFER)
                .checked_next_power_of_two()
                .ok_or_else(|| self.memory_error("abi_alloc"))?;
            let old = std::mem::replace(&mut self.request, Buffer::NONE);
            if old.capacity > 0 {
                self.free(old)?;
            }
            self.request = self.alloc(capacity as usize)?;
        }
        Ok(self.request.pointer)
    }

    fn alloc(&mut self, bytes: usize) -> Result<Buffer, CallError> {
        let capacity = self.length("abi_alloc", bytes)?;
        match self.call("abi_alloc", |functions| &functions.alloc, capacity)? {
            0 => Err(self.memory_error("abi_alloc")),
            pointer => Ok(Buffer { pointer, capacity }),
        }
    }

    fn free(&mut self, buffer: Buffer) -> Result<(), CallError> {
        self.call(
            "abi_free",
            |functions| &functions.free,
            (buffer.pointer, buffer.capacity),
        )
    }

    fn write(&mut self, pointer: u32, bytes: &[u8]) -> Result<(), CallError> {
        self.memory
            .write(&mut self.store, pointer as usize, bytes)
            .map_err(|_| outside("abi_alloc", pointer, bytes.len()))
    }

    fn write_numbers(&mut self, buffer: Buffer, numbers: &[f64]) -> Result<(), CallError> {
        let length = size_of_val(numbers);
        let bytes = slice_mut(
            self.memory.data_mut(&mut self.store),
            buffer.pointer,
            length,
        )
        .ok_or_else(|| outside("abi_alloc", buffer.pointer, length))?;
        for (cell, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
            *cell = number.to_le_bytes();
        }
        Ok(())
    }

    fn read_numbers(&self, buffer: Buffer, numbers: &mut [f64]) -> Result<(), CallError> {
        let length = size_of_val(numbers);
        let bytes = slice(self.memory.data(&self.store), buffer.pointer, length)
            .ok_or_else(|| outside("abi_alloc", buffer.pointer, length))?;
        for (cell, number) in bytes.as_chunks().0.iter().zip(numbers) {
            *number = f64::from_le_bytes(*cell);
        }
        Ok(())
    }

    /// The bytes of a packed result, `pointer << 32 | length`.
    fn bytes(&self, function: &'static str, packed: u64) -> Result<&[u8], CallError> {
        let pointer = (packed >> 32) as u32;
        let length = (packed & u64::from(u32::MAX)) as usize;
        slice(self.memory.data(&self.store), pointer, length)
            .ok_or_else(|| outside(function, pointer, length))
    }
}

impl Buffer {
    const NONE: Self = Self {
        pointer: 0,
        capacity: 0,
    };
}

impl Functions {
    fn find(
        store: &mut Store<Guest>,
        instance: WasmInstance,
        exports: &Exports,
    ) -> Result<Self, CallError> {
        Ok(Self {
            version: typed(store, instance, &exports.abi_version)?,
            alloc: typed(store, instance, &exports.abi_alloc)?,
            free: typed(store, instance, &exports.abi_free)?,
            load: typed(store, instance, &exports.abi_load)?,
            describe: typed(store, instance, &exports.abi_describe)?,
            decide: typed(store, instance, &exports.abi_decide)?,
            status: typed(store, instance, &exports.abi_status)?,
            batch: typed(store, instance, &exports.abi_batch)?,
            explain: match &exports.abi_explain {
                Some(export) => Some(typed(store, instance, export)?),
                None => None,
            },
        })
    }
}

fn typed<P: WasmParams, R: WasmResults>(
    store: &mut Store<Guest>,
    instance: WasmInstance,
    export: &ModuleExport,
) -> Result<TypedFunc<P, R>, CallError> {
    instance
        .get_module_export(&mut *store, export)
        .and_then(wasmtime::Extern::into_func)
        .ok_or_else(|| CallError::Instantiate("an export is missing".to_owned()))
        .and_then(|function: Func| {
            function
                .typed(&*store)
                .map_err(|error| CallError::Instantiate(format!("{error:#}")))
        })
}

fn slice(memory: &[u8], pointer: u32, length: usize) -> Option<&[u8]> {
    let start = pointer as usize;
    memory.get(start..start.checked_add(length)?)
}

fn slice_mut(memory: &mut [u8], pointer: u32, length: usize) -> Option<&mut [u8]> {
    let start = pointer as usize;
    memory.get_mut(start..start.checked_add(length)?)
}

fn outside(function: &'static str, pointer: u32, length: usize) -> CallError {
    CallError::Contract {
        function,
        expected: "an address inside its memory",
        found: format!("{length} bytes at {pointer}"),
    }
}

/// The message in `{"detail":"…"}`; the whole text when it has another form.
fn detail(json: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        detail: String,
    }
    serde_json::from_slice::<Refusal>(json).map_or_else(
        |_| String::from_utf8_lossy(json).into_owned(),
        |refusal| refusal.detail,
    )
}
